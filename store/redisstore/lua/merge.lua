-- Takes one step of merging what a gate holds into a log in repair. Returns whether it
-- was done, and the head. ARGV: candidate generation; generation; gate; 1 for a
-- witness; the count of a turn that may be taken; what happens to the turn; the record
-- or nothing; how many gates were live in the last report of an earlier generation that
-- the gate received; 1 if the gate held what the log lacks; 1 if a log whose contents
-- no gate can confirm refuses all tokens issued before; 1 if the gate's clock is too
-- far off for that.
local h, refused = head(ARGV[1])
if refused then return refused end

local nobody = '0000000000000000'

-- free reports whether the gate may have the turn. Rule R7: witnesses go first, and a
-- gate without progress loses its turn.
local function free()
  local gate, witness, count = string.match(h.turn, '^(%x+) ([01]) (%d+)$')
  return not gate or gate == nobody or gate == ARGV[3] or ARGV[4] == '1' and witness ~= '1' or count == ARGV[5]
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
-- recordMerged records a gate that has merged everything it holds. It returns the floor
-- that this gate needs to open the log, or nothing. A floor is needed if revocations
-- were lost or may be lost: gates held revocations that the log lacks, and not all
-- gates that may hold more have merged; or the store's clock had been ahead. If no gate
-- remembers an earlier log, there was none.
local function recordMerged()
  local expected, merged = merges(ARGV[3], tonumber(ARGV[8]))
  local v = redis.call('HMGET', KEYS[1], 'lacks', 'due', 'begun', 'leeway')
  local lacks = ARGV[9] == '1' or v[1] == '1'
  if lacks then redis.call('HSET', KEYS[1], 'lacks', '1') end
  if ARGV[10] == '1' or v[2] == '1' or lacks and merged < expected then
    return tonumber(v[3] or 0) + math.ceil(tonumber(v[4] or 0) / 1e6)
  end
end

if done then
  local opens = ARGV[6] == 'open'
  local floor = ARGV[6] ~= 'keep' and recordMerged()
  if opens and floor and ARGV[4] ~= '1' and ARGV[11] == '1' then done, opens = false, false end
  local count = decimal(h.count + 1)
  h.turn = (ARGV[6] == 'keep' and ARGV[3] .. ' ' .. ARGV[4] or nobody .. ' 0') .. ' ' .. count
  if opens then
    if floor and ARGV[4] ~= '1' and floor > tonumber(h.floor) then h.floor = decimal(floor) end
    h.state = 'open'
    redis.call('HSET', KEYS[1], 'floor', h.floor)
    redis.call('HDEL', KEYS[1], 'anew', 'due', 'lacks', 'expected', 'merged')
  end
  redis.call('HSET', KEYS[1], 'count', count, 'turn', h.turn, 'state', h.state)
end
return { done and 1 or 0, answer(h) }
