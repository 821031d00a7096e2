-- Puts one entry on the log and returns the head as of that instant, and the gates
-- that have applied least.
-- ARGV: candidate generation, record.
local h, refused = head(ARGV[1])
if refused then return refused end
if redis.call('HMGET', KEYS[1], 'paused')[1] then return redis.error_reply('PAUSED log') end
refused = append(h, ARGV[2])
if behind(refused) then
  h, refused = begin(h, ARGV[1])
  refused = refused or append(h, ARGV[2])
end
return refused or answer(h, 'least', least())
