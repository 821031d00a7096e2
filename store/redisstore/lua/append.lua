-- append puts one entry on the log. It adds version, generation and the tag of the
-- entry before to the record. It returns the error reply of XADD, or nothing.
local function append(h, record)
  local seq, begins = decimal(h.seq + 1), '\3' .. bytes(h.generation) .. bytes(h.tag)
  -- XADD comes before HSET: if Redis refuses the first write because memory is full,
  -- nothing is half applied.
  local added = redis.pcall('XADD', KEYS[2], seq .. '-0', 'r', begins .. record)
  if type(added) == 'table' then return added end
  h.seq, h.entries, h.tag = h.seq + 1, h.entries + 1, hex(record)
  if #record > 1024 then h.large = h.seq end
  redis.call('HSET', KEYS[1], 'seq', seq, 'entries', decimal(h.entries), 'large', decimal(h.large), 'tag', h.tag)
end

-- behind reports whether XADD refused because the log has passed the head's number:
-- then it is not the log of this head (rule R8).
local function behind(refused) return refused and string.find(refused.err, 'equal or smaller', 1, true) end

