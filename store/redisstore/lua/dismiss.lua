-- Takes a gate off the list and returns how many were.
-- ARGV: candidate generation, generation, gate, the count of its last heartbeat.
redis.call('HDEL', KEYS[1], 'none')
local h, refused = head(ARGV[1])
if refused then return refused end
local name = 'gate:' .. ARGV[3]
local gate = redis.call('HMGET', KEYS[1], name)[1]
-- Rule R2 (DESIGN): generation, gate and count are compared, so that a gate that
-- came back meanwhile stays.
if h.generation ~= ARGV[2] or not gate or string.match(gate, ' (%d+)$') ~= ARGV[4] then return 0 end
return redis.call('HDEL', KEYS[1], name)
