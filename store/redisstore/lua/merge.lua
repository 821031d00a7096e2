-- Takes one step of merging what a gate holds into a log in repair. Returns
-- whether it was done, and the whole head.
-- ARGV: candidate generation, generation, gate, 1 for a witness, the count of a
-- turn that may be taken, what becomes of the turn, the record or nothing.
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
if done and ARGV[6] == 'keep' then
  local count = decimal(h.count + 1)
  redis.call('HSET', KEYS[1], 'count', count, 'turn', ARGV[3] .. ' ' .. ARGV[4] .. ' ' .. count)
elseif done then
  redis.call('HDEL', KEYS[1], 'turn')
  if ARGV[6] == 'open' then redis.call('HSET', KEYS[1], 'state', 'open') end
end
return { done and 1 or 0, redis.call('HGETALL', KEYS[1]) }
