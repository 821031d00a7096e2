-- Takes one step of merging what a gate holds into a log in repair. Returns
-- whether it was done, and the head.
-- ARGV: candidate generation, generation, gate, 1 for a witness, the count of a
-- turn that may be taken, what becomes of the turn, the record or nothing.
local h, refused = head(ARGV[1])
if refused then return refused end

local nobody = '0000000000000000'

-- free reports whether the gate may have the turn. Rule R7 (DESIGN): witnesses go
-- first, and a turn without progress is lost.
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
if done then
  local count = decimal(h.count + 1)
  h.turn = (ARGV[6] == 'keep' and ARGV[3] .. ' ' .. ARGV[4] or nobody .. ' 0') .. ' ' .. count
  if ARGV[6] == 'open' then h.state = 'open' end
  redis.call('HSET', KEYS[1], 'count', count, 'turn', h.turn, 'state', h.state)
end
return { done and 1 or 0, answer(h) }
