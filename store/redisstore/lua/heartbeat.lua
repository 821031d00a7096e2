-- Records a gate and what it has applied, and returns the head without the gates.
-- ARGV: candidate generation, gate, the generation that it follows or nothing,
-- the number up to which it has applied the log, 1 if it calls the log settled,
-- its lease and retention, 1 to be told the eviction policy; the longest lease that
-- it knows of another generation, 1 if that is shortened to its lease; margin, skew
-- and leeway; and what it knows of the bounds: forgotten, floor, hold, lowered; the
-- longest lease by which it calls the log settled. Durations are
-- in microseconds.

-- First a write that changes nothing: a read-only replica refuses it, and Redis
-- allows it when memory is full, and then those after it too. A full Redis takes
-- no revocation, so whoever has read them all may go on admitting.
redis.call('HDEL', KEYS[1], 'none')
local h, refused = head(ARGV[1])
if refused then return refused end
if ARGV[3] == h.generation and tonumber(ARGV[4]) > h.seq then
  -- The log has gone back within one process, as after a reload of an old dump.
  h, refused = begin(h, ARGV[1])
  if refused then return refused end
end

local v = redis.call('HMGET', KEYS[1], 'longest', 'retention', 'leeway', 'swept', 'forgotten', 'floor', 'hold', 'anew', 'lowered')
local longest, retention, leeway = tonumber(v[1] or h.lease or 0), tonumber(v[2] or 0), v[3]
local swept, forgotten, floor, hold = tonumber(v[4] or 0), v[5], v[6], v[7]
local now = h.now
local changes = {}
local function set(name, value)
  value = decimal(value)
  changes[#changes + 1], changes[#changes + 2] = name, value
  return value
end
-- raise keeps the larger of what the head says and what the gate does.
local function raise(name, value, other)
  return tonumber(other) > tonumber(value or 0) and set(name, other) or value or '0'
end

if now < swept - tonumber(ARGV[12]) / 1e6 then
  -- The clock was ahead, and entries were forgotten that had not expired. Gates
  -- whose own clock was right still hold them.
  h, refused = begin(h, ARGV[1])
  if refused then return refused end
  swept = tonumber(set('swept', now))
  set('due', 1)
end

-- Rule R12: the lease is the head's, whoever asks next. A head that was lost takes
-- the longest that a gate knows of.
local lease, known = tonumber(ARGV[6]), tonumber(ARGV[9])
if lease > 0 and (not h.lease or h.state == 'repair' and known > 0 and lease > tonumber(h.lease)) then
  h.lease = set('lease', lease)
end
if math.max(known, tonumber(h.lease or 0)) > longest then
  longest = math.max(known, tonumber(h.lease or 0))
  set('longest', longest)
elseif ARGV[10] == '1' and ARGV[3] == h.generation and ARGV[6] == h.lease and longest > lease then
  longest = tonumber(set('longest', lease))
end

leeway = raise('leeway', leeway, ARGV[13])
if tonumber(ARGV[7]) > retention then
  -- What is on the log is kept for as long as what comes now. What was forgotten
  -- before is of tokens that were older than revocations were kept.
  if retention > 0 and not v[8] then forgotten = raise('forgotten', forgotten, now - math.floor(retention / 1e6)) end
  retention = tonumber(set('retention', ARGV[7]))
  hold = raise('hold', hold, now + math.ceil((retention + tonumber(ARGV[11])) / 1e6))
end
forgotten = raise('forgotten', forgotten, ARGV[14])
floor = raise('floor', floor, ARGV[15])
hold = raise('hold', hold, ARGV[16])
local lowered = raise('lowered', v[9], ARGV[17])

local answered = '0'
-- Rule R3 (DESIGN): what a gate applied in another generation says nothing about
-- this one.
if ARGV[3] == h.generation then
  answered = set('count', h.count + 1)
  changes[#changes + 1], changes[#changes + 2] = 'gate:' .. ARGV[2], ARGV[4] .. ' ' .. answered
  -- Rule R5 (DESIGN): only a gate of this generation can say that the leases of
  -- the one before are over, and only once the log is open.
  if ARGV[5] == '1' and h.state == 'open' and math.max(lease, tonumber(ARGV[18])) >= longest then
    h.state = 'settled'
    changes[#changes + 1], changes[#changes + 2] = 'state', h.state
  end
end
if #changes > 0 then redis.call('HSET', KEYS[1], unpack(changes)) end
return {
  'generation', h.generation, 'state', h.state, 'seq', decimal(h.seq), 'lease', h.lease or '0', 'longest', decimal(longest),
  'retention', decimal(retention), 'swept', decimal(swept), 'forgotten', forgotten, 'floor', floor, 'hold', hold, 'lowered', lowered,
  'now', decimal(now), 'answered', answered, 'policy', ARGV[8] == '1' and said('memory', 'maxmemory_policy') or '',
}
