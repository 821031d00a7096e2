-- Removes a gate from the list that will never admit again. ARGV: candidate generation,
-- gate.
redis.call('HDEL', KEYS[1], 'none')
local h, refused = head(ARGV[1])
if refused then return refused end
unlist(h, ARGV[2])
redis.call('HSET', KEYS[1], 'gates', decimal(h.gates))
return 'OK'
