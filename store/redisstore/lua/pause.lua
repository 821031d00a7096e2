-- Pauses the log, so that it accepts no revocations and no learned tokens, or resumes
-- it. ARGV: candidate generation, 1 to pause.
local h, refused = head(ARGV[1])
if refused then return refused end
if ARGV[2] == '1' then
  redis.call('HSET', KEYS[1], 'paused', '1')
else
  redis.call('HDEL', KEYS[1], 'paused')
end
return answer(h)
