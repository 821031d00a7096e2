-- Records that a gate is live, removes silent gates from the list, and returns the head.
-- Durations are in microseconds. ARGV of the gate:
--   1-4    candidate generation, its id, the generation that it follows or nothing, the
--          number up to which it has applied the log
--   5-8    1 if it calls the log settled, its lease, its retention, 1 to ask for the
--          eviction policy
--   9-10   the longest lease of another generation that it knows, 1 if the longest lease
--          is shortened to its lease
--   11-13  margin, skew, leeway
--   14-17  the bounds that it knows: forgotten, floor, hold, lowered
--   18-19  1 if it is not to be listed, the count up to which leases of heartbeats are over
--   20-21  the tag of the entry that it has applied last, the count of its last heartbeat
--   22     how many gates it knew in an earlier generation, once it has merged all that it
--          holds; 0 before
--   23     the longest lease that it has waited for when it calls the log settled
--   24-26  its wall clock or 0, the second by which it has forgotten, the newest format of
--          entries that it understands

-- First comes a write that changes nothing. A read-only replica refuses it. Redis allows
-- it when memory is full, and then the writes after it too. A full Redis takes no
-- revocation, so a gate that has read all of them may go on admitting.
redis.call('HDEL', KEYS[1], 'none')
local h, refused = head(ARGV[1])
if refused then return refused end
if ARGV[3] == h.generation and (diverged(h, tonumber(ARGV[4]), ARGV[20]) or tonumber(ARGV[21]) > h.count) then
  -- The log has gone back within one process, as after a reload of an old dump.
  h, refused = begin(h, ARGV[1])
  if refused then return refused end
end

local now = h.now
local changes = {}
local function set(name, value)
  changes[#changes + 1], changes[#changes + 2] = name, value
  h[name] = value
end
-- raise keeps the larger of the two values, the head's and the gate's.
local function raise(name, other)
  if tonumber(other) > tonumber(h[name] or 0) then set(name, decimal(tonumber(other))) end
end

if now < tonumber(h.swept) - tonumber(ARGV[12]) / 1e6 then
  -- The clock was ahead, and entries were forgotten that had not expired. Gates with a
  -- right clock still hold them.
  h, refused = begin(h, ARGV[1])
  if refused then return refused end
  set('swept', decimal(now))
  set('due', '1')
end

-- Rule R12: the lease is the head's, whichever gate asks next. A lost head takes the
-- longest lease that a gate knows.
local lease, known = tonumber(ARGV[6]), tonumber(ARGV[9])
if lease > 0 and (not h.lease or h.state == 'repair' and known > 0 and lease > tonumber(h.lease)) then
  set('lease', ARGV[6])
end
local longest = math.max(known, tonumber(h.lease or 0))
if longest > tonumber(h.longest) then
  set('longest', decimal(longest))
elseif ARGV[10] == '1' and ARGV[3] == h.generation and ARGV[6] == h.lease and tonumber(h.longest) > lease then
  set('longest', ARGV[6])
end

raise('leeway', ARGV[13])
local before, retention = tonumber(h.retention), tonumber(ARGV[7])
if retention > before then
  -- Entries on the log are kept for as long as new ones. Entries that were forgotten
  -- before named tokens that were older than the previous retention.
  local gate = tonumber(ARGV[24])
  if gate == 0 then gate = now end
  local trimmed = math.max(math.min(now, gate), tonumber(h.swept))
  if before > 0 and not h.anew then raise('forgotten', trimmed - math.floor(before / 1e6)) end
  set('retention', ARGV[7])
  raise('hold', math.max(now, gate) + math.ceil((retention + tonumber(ARGV[11])) / 1e6))
end
raise('forgotten', ARGV[14])
raise('floor', ARGV[15])
raise('hold', ARGV[16])
raise('lowered', ARGV[17])
-- Rule R13: gates do not merge what they have forgotten.
if h.state == 'repair' then raise('swept', math.min(tonumber(ARGV[25]), now)) end

local answered, gone = 0, {}
-- Rule R3: what a gate applied in another generation says nothing about this one.
if ARGV[3] == h.generation then
  answered = h.count + 1
  if h.state == 'repair' and ARGV[22] ~= '0' then merges(ARGV[2], tonumber(ARGV[22])) end
  if ARGV[18] == '1' then
    h.unlisted = answered
    unlist(h, ARGV[2])
  else
    h.gates = h.gates + redis.call('ZADD', KEYS[3], ARGV[4], ARGV[2])
    redis.call('ZADD', KEYS[4], decimal(answered), ARGV[2])
  end
  -- The common format rises by one once all gates with a lower one have been silent for
  -- longer than any lease.
  local format, known, silent = tonumber(ARGV[26]), tonumber(h.format), tonumber(ARGV[19])
  if format <= known or silent > 0 and h.understood <= silent then
    h.format, h.understood = decimal(math.min(format, known + 1)), answered
  end
  -- Rule R2: a gate admits nothing if its last heartbeat is not newer than one that was
  -- answered longer ago than any lease lasts. A gate that came back meanwhile has a
  -- greater count.
  while #gone < most do
    local first = redis.call('ZREVRANGE', KEYS[4], -1, -1, 'WITHSCORES')
    if not first[1] or tonumber(first[2]) > silent then break end
    unlist(h, first[1])
    gone[#gone + 1] = first[1]
  end
  if h.unlisted <= silent then h.unlisted = 0 end
  redis.call('HSET', KEYS[1], 'count', decimal(answered), 'gates', decimal(h.gates), 'unlisted', decimal(h.unlisted),
    'format', h.format, 'understood', decimal(h.understood))
  -- Rule R5: only a gate of this generation can say that the leases of the previous one
  -- have expired, and only once the log is open.
  if ARGV[5] == '1' and h.state == 'open' and math.max(lease, tonumber(ARGV[23])) >= tonumber(h.longest) then set('state', 'settled') end
end
if #changes > 0 then redis.call('HSET', KEYS[1], unpack(changes)) end
return answer(h, 'answered', decimal(answered), 'gone', table.concat(gone, ' '),
  'now', decimal(now), 'policy', ARGV[8] == '1' and said('memory', 'maxmemory_policy') or '')
