-- The list of live gates: KEYS[3] has each by what it has applied, KEYS[4] by the
-- count of its last heartbeat. The head counts them.

-- most is how many gates an answer names at the most.
local most = 32

-- unlist takes a gate off the list, if it is on it. It is no ZREM, because the users
-- that operators made for earlier versions may not call that.
local function unlist(h, gate)
  local unknown = redis.call('ZADD', KEYS[3], '-inf', gate)
  redis.call('ZADD', KEYS[4], '-inf', gate)
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, 0)
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, 0)
  h.gates = h.gates - 1 + unknown
end

-- least returns the gates that have applied least, and what each of them has.
local function least() return table.concat(redis.call('ZREVRANGE', KEYS[3], -most, -1, 'WITHSCORES'), ' ') end
