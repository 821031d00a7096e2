-- Records sessions. KEYS: for each, its hash and the sorted set of its subject.
-- ARGV: how many sessions a subject may list; then for each session its
-- member in that set, issuer, id, subject, first seen, last seen, expiry, and for
-- how many seconds to keep it.
for i = 0, #KEYS / 2 - 1 do
  local session, list = KEYS[2 * i + 1], KEYS[2 * i + 2]
  local member, issuer, id, subject, first, last, expires, keep = unpack(ARGV, 8 * i + 2, 8 * i + 9)
  local known = redis.call('HMGET', session, 'first', 'last', 'expires')
  local newer = not known[2] or tonumber(last) >= tonumber(known[2])
  if known[1] and tonumber(known[1]) < tonumber(first) then first = known[1] end
  if known[2] and tonumber(known[2]) > tonumber(last) then last = known[2] end
  if known[3] and tonumber(known[3]) > tonumber(expires) then expires = known[3] end
  redis.call('HSET', session, 'issuer', issuer, 'id', id, 'first', first, 'last', last, 'expires', expires)
  -- A batch that comes late does not give a session back to its former owner.
  if newer then
    redis.call('HSET', session, 'subject', subject)
    redis.call('ZADD', list, last, member)
    redis.call('ZREMRANGEBYRANK', list, 0, -(tonumber(ARGV[1]) + 1))
  end
  for _, key in ipairs({ session, list }) do
    if redis.call('EXISTS', key) == 1 and redis.call('TTL', key) < tonumber(keep) then
      redis.call('EXPIRE', key, keep)
    end
  end
end
return #KEYS / 2
