-- The list of live gates: KEYS[3] has each gate with the number that it has applied,
-- KEYS[4] with the count of its last heartbeat. The head counts the gates.

-- most is how many gates an answer names at most.
local most = 32

-- unlist removes a gate from the list, if it is there. It does not use ZREM, because
-- users made for earlier versions may not call that.
local function unlist(h, gate)
  local unknown = redis.call('ZADD', KEYS[3], '-inf', gate)
  redis.call('ZADD', KEYS[4], '-inf', gate)
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, 0)
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, 0)
  h.gates = h.gates - 1 + unknown
end

-- least returns the gates that have applied least, and the number that each has
-- applied.
local function least() return table.concat(redis.call('ZREVRANGE', KEYS[3], -most, -1, 'WITHSCORES'), ' ') end
