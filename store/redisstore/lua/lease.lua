-- Changes the fleet's lease, and raises the longest lease, for which calls wait, if the
-- new one is longer. Returns the head. ARGV: candidate generation, the lease in
-- microseconds.
local h, refused = head(ARGV[1])
if refused then return refused end
h.longest = decimal(math.max(tonumber(h.longest), tonumber(h.lease or 0), tonumber(ARGV[2])))
h.lease = ARGV[2]
redis.call('HSET', KEYS[1], 'lease', h.lease, 'longest', h.longest)
return answer(h)
