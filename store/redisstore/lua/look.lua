-- Returns the head, and the gates that have applied least.
-- ARGV: candidate generation.
-- First a write that changes nothing, allowed when memory is full: a read-only
-- replica refuses it, so that a lagging copy never passes for the log.
redis.call('HDEL', KEYS[1], 'none')
local h, refused = head(ARGV[1])
return refused or answer(h, 'least', least())
