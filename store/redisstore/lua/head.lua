-- The head of a namespace. This source comes before every script that needs the head.
-- It reads the head, and checks whether the log is still the one that the head
-- describes. KEYS[1] is the head, KEYS[2] the log, KEYS[3] and KEYS[4] the list of
-- gates.

local version = '3'

-- number returns the sequence number in an entry's id, or nil. With more than 15
-- digits it would not be exact.
local function number(id)
  local digits = string.match(id, '^(%d+)%-0$')
  return digits and #digits <= 15 and tonumber(digits) or nil
end

local function decimal(n) return string.format('%.0f', n) end

-- bytes and hex turn 16 hex digits into the 8 bytes of a record, and back.
local function bytes(text) return struct.pack('>I4I4', tonumber(string.sub(text, 1, 8), 16), tonumber(string.sub(text, 9), 16)) end

local function hex(text) return string.format('%08x%08x', struct.unpack('>I4I4', text)) end

local unknown = '0000000000000000'

-- said returns a value of INFO, or nil if INFO is not permitted or lacks it.
local function said(section, name)
  local report = redis.pcall('INFO', section)
  if type(report) ~= 'string' then return nil end
  local _, last = string.find(report, '\n' .. name .. ':', 1, true)
  return last and string.match(report, '^[^\r\n]+', last + 1)
end

-- identity names the process and the history of writes that it serves. The process
-- changes with a restart, the history when a replica is promoted.
local function identity()
  local process, history = said('server', 'run_id'), said('replication', 'master_replid')
  return process and history and process .. ':' .. history
end

-- left returns what a log still shows: its length, the number of its first entry if it
-- has one, and the last number that it ever took. It returns nil if the log holds
-- entries with other ids than this store writes.
local function left()
  if redis.call('EXISTS', KEYS[2]) == 0 then return 0, nil, 0 end
  local info, length, first, last = redis.call('XINFO', 'STREAM', KEYS[2]), nil, nil, nil
  for i = 1, #info, 2 do
    local name, value = info[i], info[i + 1]
    if name == 'length' then length = value end
    if name == 'last-generated-id' then last = number(value) end
    if name == 'first-entry' and value then first = number(value[1]) or 'none' end
  end
  if not last or first == 'none' then return nil end
  return length, first, last
end

-- begin begins a generation over the entries that are left. Rule R7: it begins in
-- repair, and with an empty list of gates. Rule R2: the counter goes on, so that no old
-- count of a gate comes again.
local function begin(h, candidate)
  local length, first, last = left()
  if not length then
    return nil, redis.error_reply('UNREADABLE id on a log that has lost its head or entries')
  end
  h.generation, h.state = candidate, 'repair'
  h.seq = math.max(h.seq or 0, last)
  h.born, h.entries, h.count = h.seq, length, h.count or 0
  h.trimmed = first and first - 1 or h.seq
  -- The gates that were live in an earlier generation are expected to merge in this
  -- one. Until it is open, a lost head adopts its values from the gates.
  local expected = math.max(tonumber(redis.call('HMGET', KEYS[1], 'expected')[1] or 0), h.gates or 0)
  -- Gates that are on no list are not known, so the expected number is never reached.
  if h.unlisted and h.unlisted > 0 then expected = 2147483647 end
  h.anew = h.anew or not h.lease and '1' or nil
  h.gates, h.unlisted, h.turn = 0, 0, ''
  h.large, h.tag = h.large or h.seq, unknown
  -- HSET comes first: if memory is full and nothing was written yet, Redis refuses it,
  -- and nothing is half done.
  redis.call('HSET', KEYS[1], 'version', version, 'store', h.store,
    'generation', h.generation, 'state', h.state, 'seq', decimal(h.seq), 'trimmed', decimal(h.trimmed),
    'born', decimal(h.born), 'entries', decimal(h.entries), 'count', decimal(h.count),
    'gates', '0', 'unlisted', '0', 'turn', '', 'large', decimal(h.large), 'tag', h.tag,
    'begun', decimal(h.now), 'expected', decimal(expected), 'merged', '', 'anew', h.anew or '')
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1)
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -1)
  return h
end

-- has reports whether a sorted set has this many members. It does not use ZCARD,
-- because users made for earlier versions may not call that.
local function has(set, members)
  return #redis.call('ZREVRANGE', set, math.max(members - 1, 0), members) == math.min(members, 1)
end

-- head returns the head, or nil and an error reply.
--
-- Rule R6: the store must be the one that wrote the head. A store that was restarted,
-- promoted or restored may have lost what another one acknowledged. Rule R8: the log
-- must have as many entries as the head counts, and the list as many gates, because no
-- call would wait for a missing gate. Otherwise a new generation begins, under the
-- candidate.
local function head(candidate)
  local store = identity()
  if not store then
    return nil, redis.error_reply('IDENTITY of the store is unknown: INFO lacks run_id or master_replid')
  end
  local time = redis.pcall('TIME')
  if time.err then return nil, redis.error_reply('CLOCK of the store is unknown: TIME is refused') end
  local v = redis.call('HMGET', KEYS[1], 'version', 'store', 'generation', 'state', 'seq', 'trimmed', 'born',
    'entries', 'count', 'lease', 'longest', 'retention', 'gates', 'unlisted', 'turn', 'large', 'tag',
    'anew', 'swept', 'forgotten', 'floor', 'hold', 'lowered', 'leeway', 'format', 'understood')
  if v[1] and v[1] ~= '2' and v[1] ~= version then
    return nil, redis.error_reply('UNREADABLE head of version ' .. v[1] .. ', this gate knows ' .. version)
  end
  local h = {
    store = store, now = tonumber(time[1]), generation = v[3], state = v[4],
    seq = tonumber(v[5]), trimmed = tonumber(v[6]), born = tonumber(v[7]), entries = tonumber(v[8]), count = tonumber(v[9]),
    lease = v[10] or nil, longest = v[11] or v[10] or '0', retention = v[12] or '0',
    gates = tonumber(v[13]), unlisted = tonumber(v[14]), turn = v[15], large = tonumber(v[16]), tag = v[17],
    anew = v[18] == '1' and '1' or nil, swept = v[19] or '0', forgotten = v[20] or '0', floor = v[21] or '0', hold = v[22] or '0', lowered = v[23] or '0',
    leeway = v[24] or '0', format = v[25] or '1', understood = tonumber(v[26] or 0),
  }
  local whole = v[1] == version and h.generation and h.state and h.seq and h.trimmed and h.born and h.entries and h.count
    and h.gates and h.unlisted and h.turn and h.large and h.tag
  if whole and v[2] == store and redis.call('XLEN', KEYS[2]) == h.entries
    and has(KEYS[3], h.gates) and has(KEYS[4], h.gates) then return h end
  return begin(h, candidate)
end

-- merges notes that a gate which knew this number of gates in an earlier generation has
-- merged all that it holds. It returns how many gates know such a generation, and how
-- many of them have merged.
local function merges(gate, before)
  local v = redis.call('HMGET', KEYS[1], 'expected', 'merged')
  local expected, merged = math.max(tonumber(v[1] or 0), before), v[2] or ''
  if before > 0 and not string.find(merged, gate, 1, true) then
    merged = merged .. gate .. ' '
    redis.call('HSET', KEYS[1], 'expected', decimal(expected), 'merged', merged)
  end
  return expected, #merged / 17
end

-- answer returns the head for the reply of a script: names and values, and then those
-- of the caller.
local function answer(h, ...)
  return {
    'generation', h.generation, 'state', h.state, 'seq', decimal(h.seq), 'lease', h.lease or '0',
    'longest', h.longest, 'retention', h.retention, 'swept', h.swept, 'forgotten', h.forgotten, 'floor', h.floor,
    'hold', h.hold, 'lowered', h.lowered, 'format', h.format,
    'gates', decimal(h.gates), 'unlisted', decimal(h.unlisted), 'turn', h.turn, 'tag', h.tag, ...
  }
end


-- diverged reports whether the log has gone back within one process since a gate applied
-- the entry with this number and this tag, in the head's generation: the log now has
-- another entry with this number, or none. The next entry names the tag, even if the
-- entry itself was trimmed. The last tag alone is not enough: other entries may have
-- followed.
--
-- A generation begins with the entries that are left, and some may be missing. It is
-- never younger than that. So diverged does not judge numbers up to that point.
local function diverged(h, seq, tag)
  if seq > h.seq then return true end
  if seq <= h.born or seq < h.trimmed or tag == unknown then return false end
  if seq == h.seq then return tag ~= h.tag end
  local id = decimal(seq + 1) .. '-0'
  local after = redis.call('XRANGE', KEYS[2], id, id)[1]
  if not after then return true end
  -- This script does not judge an entry that a gate cannot read.
  local record = after[2][1] == 'r' and after[2][2] or ''
  local previous = string.byte(record) == 3 and #record > 29 and hex(string.sub(record, 10)) or unknown
  return previous ~= unknown and previous ~= tag
end
