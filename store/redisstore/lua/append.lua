-- Puts one entry on the log.
-- ARGV: candidate generation, tag, expiry, payload.
local h, refused = head(ARGV[1])
if refused then return refused end
local seq = string.format('%.0f', tonumber(h.seq) + 1)
-- XADD before HSET: where Redis refuses the first write, for want of memory,
-- nothing is half applied. It also refuses a number that the log has passed.
local added = redis.pcall('XADD', KEYS[2], seq .. '-0', 'g', h.generation, 't', ARGV[2], 'e', ARGV[3], 'p', ARGV[4])
if type(added) == 'table' and added.err then
  if string.find(added.err, 'equal or smaller', 1, true) then
    return redis.error_reply('GAP the log has entries beyond its head')
  end
  return added
end
redis.call('HSET', KEYS[1], 'seq', seq)
return { h.generation, seq }
