-- Changes the fleet's lease, and what waits are as long as if that is longer. Returns
-- the whole head.
-- ARGV: candidate generation, the lease in microseconds.
local h, refused = head(ARGV[1])
if refused then return refused end
local longest = tonumber(redis.call('HMGET', KEYS[1], 'longest')[1] or 0)
redis.call('HSET', KEYS[1], 'lease', ARGV[2], 'longest', decimal(math.max(longest, tonumber(h.lease or 0), tonumber(ARGV[2]))))
return redis.call('HGETALL', KEYS[1])
