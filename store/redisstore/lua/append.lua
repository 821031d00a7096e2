-- append puts one entry on the log: a record, which lacks its version and
-- generation yet. It returns the error reply of XADD, or nothing.
local function append(h, record)
  local seq, g = decimal(h.seq + 1), h.generation
  local begins = '\2' .. struct.pack('>I4I4', tonumber(string.sub(g, 1, 8), 16), tonumber(string.sub(g, 9), 16))
  -- XADD before HSET: where Redis refuses the first write, for want of memory,
  -- nothing is half applied.
  local added = redis.pcall('XADD', KEYS[2], seq .. '-0', 'r', begins .. record)
  if type(added) == 'table' then return added end
  h.seq, h.entries = h.seq + 1, h.entries + 1
  if #record > 1024 then h.large = h.seq end
  redis.call('HSET', KEYS[1], 'seq', seq, 'entries', decimal(h.entries), 'large', decimal(h.large))
end

-- behind reports whether XADD refused because the log has passed the head's
-- number: it is not the log that the head speaks of (rule R8, DESIGN).
local function behind(refused) return refused and string.find(refused.err, 'equal or smaller', 1, true) end

