-- Records that a gate is there, takes gates off the list that have been silent, and
-- returns the head.
-- ARGV: candidate generation, gate, the generation that it follows or nothing,
-- the number up to which it has applied the log, 1 if it calls the log settled,
-- its lease and retention in microseconds, its wall clock in Unix seconds, 1 to
-- be told the eviction policy, 1 if it is not to be listed, the count up to which
-- heartbeats are over, the tag of the entry that it has applied last, the count of its
-- last heartbeat.

-- First a write that changes nothing: a read-only replica refuses it, and Redis
-- allows it when memory is full, and then those after it too. A full Redis takes
-- no revocation, so whoever has read them all may go on admitting.
redis.call('HDEL', KEYS[1], 'none')
local h, refused = head(ARGV[1])
if refused then return refused end
if ARGV[3] == h.generation and (strayed(h, tonumber(ARGV[4]), ARGV[12]) or tonumber(ARGV[13]) > h.count) then
  -- The log has gone back within one process, as after a reload of an old dump.
  h, refused = begin(h, ARGV[1])
  if refused then return refused end
end

local changes = {}
local function set(name, value)
  changes[#changes + 1], changes[#changes + 2] = name, value
  h[name] = value
end
-- Rule R12 (DESIGN): the lease is the head's, whoever asks next.
if not h.lease and ARGV[6] ~= '0' then set('lease', ARGV[6]) end
if tonumber(ARGV[7]) > tonumber(h.retention or 0) then
  if h.retention then
    set('before', h.retention)
    set('raised', ARGV[8])
  end
  set('retention', ARGV[7])
end
local answered, gone = 0, {}
-- Rule R3 (DESIGN): what a gate applied in another generation says nothing about
-- this one.
if ARGV[3] == h.generation then
  answered = h.count + 1
  if ARGV[10] == '1' then
    h.unlisted = answered
    unlist(h, ARGV[2])
  else
    h.gates = h.gates + redis.call('ZADD', KEYS[3], ARGV[4], ARGV[2])
    redis.call('ZADD', KEYS[4], decimal(answered), ARGV[2])
  end
  -- Rule R2 (DESIGN): whoever has sent no heartbeat since one that was answered
  -- longer ago than any lease lasts, admits nothing. A gate that came back meanwhile
  -- has a greater count.
  local silent = tonumber(ARGV[11])
  while #gone < most do
    local first = redis.call('ZREVRANGE', KEYS[4], -1, -1, 'WITHSCORES')
    if not first[1] or tonumber(first[2]) > silent then break end
    unlist(h, first[1])
    gone[#gone + 1] = first[1]
  end
  if h.unlisted <= silent then h.unlisted = 0 end
  redis.call('HSET', KEYS[1], 'count', decimal(answered), 'gates', decimal(h.gates), 'unlisted', decimal(h.unlisted))
  -- Rule R5 (DESIGN): only a gate of this generation can say that the leases of
  -- the one before are over, and only once the log is open.
  if ARGV[5] == '1' and h.state == 'open' then set('state', 'settled') end
end
if #changes > 0 then redis.call('HSET', KEYS[1], unpack(changes)) end
return answer(h, 'answered', decimal(answered), 'gone', table.concat(gone, ' '),
  'policy', ARGV[9] == '1' and said('memory', 'maxmemory_policy') or '')
