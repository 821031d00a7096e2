-- Records sessions, and deletes those seen longest ago beyond the limits: of the
-- subject, and then of the namespace.
--
-- KEYS: the index of the namespace; then for each session its hash and the sorted set
-- of its subject, whose names end in theirs. The index is a sorted set, too: it has the
-- name of each session followed by that of its subject, by last seen. ARGV: how many
-- sessions a subject may have, how many the namespace, from which second on the keys
-- are kept; then for each session issuer, id, subject, first seen, last seen, expiry.
--
-- The keys of sessions to delete are not among the KEYS. They have the same hash tag,
-- so a Cluster has them in the same slot.
local index, of, total, from = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local prefix = string.match(index, '^(.*:)')
local size = 32

-- number is nil for what is missing or damaged.
local function number(text) return tonumber(text or '') end

local function key(kind, name) return prefix .. kind .. ':' .. name end

-- drop removes a member from a sorted set. It does not use ZREM, because users made for
-- earlier versions may not call that.
local function drop(set, member)
  redis.call('ZADD', set, '-inf', member)
  redis.call('ZREMRANGEBYRANK', set, 0, 0)
end

-- excess returns how many members a sorted set has beyond a limit, and at most step.
local function excess(set, most, step) return #redis.call('ZREVRANGE', set, most, most + step - 1) end

-- forget deletes the record of a subject's session. A session that an earlier version
-- recorded may have moved to another subject and still be in the set of the former one:
-- then it stays.
local function forget(name, subject)
  local owner = redis.call('HMGET', key('session', name), 'owner')[1]
  if not owner or owner == subject then redis.call('EXPIRE', key('session', name), 0) end
end

local function keep(set, expires)
  local seconds = expires - from
  if redis.call('TTL', set) < seconds then redis.call('EXPIRE', set, seconds) end
end

local added, latest, sessions = 0, 0, (#KEYS - 1) / 2
for i = 0, sessions - 1 do
  local session, set = KEYS[2 * i + 2], KEYS[2 * i + 3]
  local name, owner = string.sub(session, -size), string.sub(set, -size)
  local issuer, id, subject, first, last, expires = unpack(ARGV, 6 * i + 4, 6 * i + 9)
  local known = redis.call('HMGET', session, 'first', 'last', 'expires', 'owner')
  if number(known[1]) and number(known[1]) < number(first) then first = known[1] end
  if number(known[3]) and number(known[3]) > number(expires) then expires = known[3] end
  -- A late batch does not give a session back to its former owner.
  if number(known[2]) and number(known[2]) > number(last) then
    last, owner = known[2], known[4]
    redis.call('HSET', session, 'first', first, 'expires', expires)
  else
    redis.call('HSET', session, 'issuer', issuer, 'id', id, 'first', first, 'last', last, 'expires', expires,
      'subject', subject, 'owner', owner)
  end
  redis.call('EXPIRE', session, expires - from)
  if known[4] and known[4] ~= owner then
    drop(key('subject', known[4]), name)
    drop(index, name .. known[4])
  end
  -- A record without an owner was written by an earlier version, and later than this.
  if owner then
    set = key('subject', owner)
    local new = redis.call('ZADD', set, last, name)
    added = added + redis.call('ZADD', index, last, name .. owner)
    keep(set, expires)
    latest = math.max(latest, expires)
    local over = new == 1 and excess(set, of, 2) or 0
    if over > 0 then
      for _, old in ipairs(redis.call('ZREVRANGE', set, -over, -1)) do
        forget(old, owner)
        drop(index, old .. owner)
      end
      redis.call('ZREMRANGEBYRANK', set, 0, over - 1)
    end
  end
end

if latest > 0 then keep(index, latest) end
if added > 0 then
  -- Twice as many as may have come, so that the excess shrinks. Sessions that Redis has
  -- expired by itself are among the oldest.
  local step = 2 * sessions
  local over, oldest, gone = excess(index, total, step), redis.call('ZREVRANGE', index, -step, -1), 0
  for i = #oldest, 1, -1 do
    local name, owner = string.sub(oldest[i], 1, size), string.sub(oldest[i], size + 1)
    if gone >= over and redis.call('EXISTS', key('session', name)) == 1 then break end
    forget(name, owner)
    drop(key('subject', owner), name)
    gone = gone + 1
  end
  if gone > 0 then redis.call('ZREMRANGEBYRANK', index, 0, gone - 1) end
end
return sessions
