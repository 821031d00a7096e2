-- Returns the whole head.
-- ARGV: candidate generation.
-- First a write that changes nothing, allowed when memory is full: a read-only
-- replica refuses it, so that a lagging copy never passes for the log.
redis.call('HDEL', KEYS[1], 'none')
local _, refused = head(ARGV[1])
return refused or redis.call('HGETALL', KEYS[1])
