-- Reads the head and the entries after a position, as of one instant.
-- ARGV: candidate generation, the position's generation or empty for the
-- beginning, its sequence number, how many entries at the most.
local h, refused = head(ARGV[1])
if refused then return refused end
-- A write that changes nothing, allowed when memory is full: a read-only
-- replica refuses it, so that a lagging copy never passes for the log.
redis.call('HDEL', KEYS[1], 'none')
local entries = {}
local after = ARGV[3]
if ARGV[2] == '' then after = h.trimmed end
if ARGV[4] ~= '0' and (ARGV[2] == '' or ARGV[2] == h.generation) then
  entries = redis.call('XRANGE', KEYS[2], '(' .. after .. '-0', '+', 'COUNT', ARGV[4])
end
return { h.generation, h.seq, h.trimmed, h.born, entries }
