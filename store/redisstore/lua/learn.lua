-- Learns tokens. KEYS: for each, its hash, and then the sorted sets of its
-- families, whose names end in theirs. ARGV: the second now, how many families a
-- token may have, how many members a family; then for each token how many
-- families are among the KEYS, 1 for an access token, subject, issuer, second of
-- issue, second of the login or 0, expiry, and for how many seconds to keep it. Returns how many tokens were
-- learned, or changes nothing and returns MANY for a token of too many families, or
-- FULL for a family of too many tokens.
local now, most, members = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local size = 32
if redis.call('HMGET', string.match(KEYS[1], '^(.*:)grant:') .. 'head', 'paused')[1] then return redis.error_reply('PAUSED log') end

-- live forgets the expired members of a family. It returns how many are left and
-- whether a token is among them.
local function live(list, token)
  local all = redis.call('ZREVRANGE', list, 0, -1, 'WITHSCORES')
  local left, member = 0, false
  for i = 1, #all, 2 do
    if tonumber(all[i + 1]) > now then
      left = left + 1
      member = member or all[i] == token
    end
  end
  if left < #all / 2 then
    redis.call('ZREMRANGEBYRANK', list, 0, #all / 2 - left - 1)
  end
  return left, member
end

-- join returns the families of a token, the known ones first, each once, or nothing if
-- they are too many.
local function join(known, key, count)
  local joined, seen = {}, {}
  local function add(family)
    if not seen[family] then
      seen[family] = true
      table.insert(joined, family)
    end
  end
  for i = 1, #known, size do add(string.sub(known, i, i + size - 1)) end
  for i = 1, count do add(string.sub(KEYS[key + i], -size)) end
  return #joined <= most and table.concat(joined)
end

local function keep(key, seconds)
  if redis.call('TTL', key) < tonumber(seconds) then
    redis.call('EXPIRE', key, seconds)
  end
end

local taken, joined = {}, {}
local key, arg = 1, 4
while key <= #KEYS do
  local count, access, grant = tonumber(ARGV[arg]), ARGV[arg + 1] == '1', KEYS[key]
  joined[grant] = join(joined[grant] or redis.call('HMGET', grant, 'families')[1] or '', key, count)
  if not joined[grant] then return 'MANY' end
  for i = 1, access and count or 0 do
    local list = KEYS[key + i]
    local left, member = live(list, string.sub(grant, -size))
    if not member then
      taken[list] = (taken[list] or 0) + 1
      if left + taken[list] > members then return 'FULL' end
    end
  end
  key, arg = key + 1 + count, arg + 8
end

local learned = 0
key, arg = 1, 4
while key <= #KEYS do
  local count, access, subject, issuer, issued, login, expires, seconds = unpack(ARGV, arg, arg + 7)
  local grant, token = KEYS[key], string.sub(KEYS[key], -size)
  local known = redis.call('HMGET', grant, 'subject', 'issuer', 'issued', 'expires', 'login')
  if known[1] and subject == '' then subject = known[1] end
  if known[2] and issuer == '' then issuer = known[2] end
  if known[3] and tonumber(known[3]) < tonumber(issued) then issued = known[3] end
  if known[3] and tonumber(known[5] or '0') < tonumber(login) then login = known[5] or '0' end
  if known[4] and tonumber(known[4]) > tonumber(expires) then expires = known[4] end
  redis.call('HSET', grant, 'access', access, 'families', joined[grant],
    'subject', subject, 'issuer', issuer, 'issued', issued, 'expires', expires)
  if login ~= '0' or known[5] then redis.call('HSET', grant, 'login', login) end
  keep(grant, seconds)
  for i = 1, access == '1' and tonumber(count) or 0 do
    local list = KEYS[key + i]
    redis.call('ZADD', list, expires, token)
    keep(list, seconds)
  end
  key, arg, learned = key + 1 + tonumber(count), arg + 8, learned + 1
end
return learned
