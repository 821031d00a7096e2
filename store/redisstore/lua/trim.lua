-- Removes expired entries from the beginning of the log and returns how many. ARGV:
-- candidate generation, the gate's time in Unix seconds, the most entries.
local h, refused = head(ARGV[1])
if refused then return refused end

-- The earlier of two clocks: one that is ahead forgets nothing for the fleet.
local now = math.min(tonumber(ARGV[2]), h.now)
if now < tonumber(h.hold) then return 0 end

-- expiry returns when an entry expires, or nil if the entry does not say.
local function expiry(fields)
  for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    if name == 'r' then
      local at = ({ [2] = 18, [3] = 26 })[string.byte(value)]
      return at and #value > at + 3 and struct.unpack('>I4', value, at)
    end
    if name == 'e' then return tonumber(value) end
  end
end

local last, count = nil, 0
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', ARGV[3])) do
  local expires = expiry(entry[2])
  -- An entry that does not say when it expires stays, and all behind it.
  if not expires or expires > now or not number(entry[1]) then break end
  last, count = number(entry[1]), count + 1
end
if last then
  -- XTRIM comes before HSET: Redis allows XTRIM when memory is full, and then HSET
  -- after it.
  local gone = redis.call('XTRIM', KEYS[2], 'MINID', decimal(last + 1) .. '-0')
  redis.call('HSET', KEYS[1], 'trimmed', decimal(last), 'entries', decimal(h.entries - gone),
    'swept', decimal(math.max(now, tonumber(h.swept))))
end
return count
