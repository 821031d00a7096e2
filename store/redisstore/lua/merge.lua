-- Takes one step of merging what a gate holds into a log in repair. Returns
-- whether it was done, and the whole head.
-- ARGV: candidate generation, generation, gate, 1 for a witness, the count of a
-- turn that may be taken, what becomes of the turn, the record or nothing, how many
-- gates were live when the gate last heard so in an earlier generation, 1 if it held
-- what the log lacks, 1 if a log for which nobody can vouch refuses what was issued
-- before, 1 if its clock is too far off for that.
local h, refused = head(ARGV[1])
if refused then return refused end

-- free reports whether the gate may have the turn. Rule R7 (DESIGN): witnesses go
-- first, and a turn without progress is lost.
local function free()
  local turn = redis.call('HMGET', KEYS[1], 'turn')[1]
  if not turn then return true end
  local gate, witness, count = string.match(turn, '^(%x+) ([01]) (%d+)$')
  return gate == ARGV[3] or ARGV[4] == '1' and witness ~= '1' or count == ARGV[5]
end

local done = h.generation == ARGV[2] and h.state == 'repair' and free()
if done and ARGV[7] ~= '' then
  refused = append(h, ARGV[7])
  if behind(refused) then
    done = false
    h, refused = begin(h, ARGV[1])
  end
  if refused then return refused end
end

-- loses reports whether revocations were lost, or may have been: gates held what is
-- not on the log, and not all who may hold more have merged; or the store's clock
-- had been ahead. Nobody who remembers an earlier log means that there was none.
local function loses()
  local lacks, expected, merged = false, 0, 0
  local fields = redis.call('HGETALL', KEYS[1])
  for i = 1, #fields, 2 do
    if fields[i] == 'due' then return true end
    if fields[i] == 'lacks' then lacks = true end
    if fields[i] == 'expected' then expected = tonumber(fields[i + 1]) end
    if string.match(fields[i], '^merged:') then merged = merged + 1 end
  end
  return lacks and merged < expected
end

if done and ARGV[6] == 'keep' then
  local count = decimal(h.count + 1)
  redis.call('HSET', KEYS[1], 'count', count, 'turn', ARGV[3] .. ' ' .. ARGV[4] .. ' ' .. count)
elseif done then
  local v = redis.call('HMGET', KEYS[1], 'expected', 'floor', 'begun', 'leeway')
  if tonumber(ARGV[8]) > 0 then
    redis.call('HSET', KEYS[1], 'merged:' .. ARGV[3], '1', 'expected', decimal(math.max(tonumber(v[1] or 0), tonumber(ARGV[8]))))
  end
  if ARGV[9] == '1' then redis.call('HSET', KEYS[1], 'lacks', '1') end
  redis.call('HDEL', KEYS[1], 'turn')
  local lost = ARGV[6] == 'open' and ARGV[4] ~= '1' and (ARGV[10] == '1' or loses())
  if lost and ARGV[11] == '1' then
    done = false
  elseif ARGV[6] == 'open' then
    local floor = lost and tonumber(v[3] or 0) + math.ceil(tonumber(v[4] or 0) / 1e6) or 0
    if floor > tonumber(v[2] or 0) then redis.call('HSET', KEYS[1], 'floor', decimal(floor)) end
    redis.call('HSET', KEYS[1], 'state', 'open')
    redis.call('HDEL', KEYS[1], 'anew', 'due', 'lacks', 'expected')
  end
end
return { done and 1 or 0, redis.call('HGETALL', KEYS[1]) }
