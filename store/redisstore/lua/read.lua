-- Reads the head and the entries after a position, as of one instant.
-- ARGV: candidate generation, the position's generation or nothing for the
-- beginning, its sequence number, how many entries at the most.

-- First a write that changes nothing, allowed when memory is full: a read-only
-- replica refuses it, so that a lagging copy never passes for the log.
redis.call('HDEL', KEYS[1], 'none')
local h, refused = head(ARGV[1])
if refused then return refused end

local limit = tonumber(ARGV[4])
local after = ARGV[2] == '' and h.trimmed or tonumber(ARGV[3])
local entries = {}
if limit > 0 and (ARGV[2] == '' or ARGV[2] == h.generation) then
  entries = redis.call('XRANGE', KEYS[2], '(' .. decimal(after) .. '-0', '+', 'COUNT', limit)
end

-- whole reports whether none is missing among the entries of this generation.
-- Numbers that only grow have no hole if the last is as far on as they are many.
local function whole()
  local from, old = math.max(after, h.born, h.trimmed), 0
  local function new(i) return (number(entries[i][1]) or h.seq + 1) > from end
  if #entries > 0 and not new(1) then
    old = #entries
    while new(old) do old = old - 1 end
  end
  local many = #entries - old
  if many > 0 and number(entries[#entries][1]) ~= from + many then return false end
  return #entries == limit or many == h.seq - from
end

-- Rule R8 (DESIGN): their number is right, but not their numbers.
if limit > 0 and (ARGV[2] == '' or ARGV[2] == h.generation and after <= h.seq) and not whole() then
  h, refused = begin(h, ARGV[1])
  if refused then return refused end
end
return { h.generation, decimal(h.seq), decimal(h.trimmed), decimal(h.born), entries }
