-- Returns the head, and the gates that have applied least. ARGV: candidate generation.
-- First comes a write that changes nothing, and that Redis allows when memory is full.
-- A read-only replica refuses it, so that a lagging copy never counts as the log.
redis.call('HDEL', KEYS[1], 'none')
local h, refused = head(ARGV[1])
return refused or answer(h, 'least', least())
