-- Takes expired entries off the beginning of the log and returns how many.
-- ARGV: the time in Unix seconds, how many entries at the most.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local h, refused = head('')
if refused then return refused end
local last, count = nil, 0
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', ARGV[2])) do
  local expires
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'e' then expires = tonumber(entry[2][i + 1]) end
  end
  -- An entry that does not say when it expires stays, and all behind it.
  if not expires or expires > tonumber(ARGV[1]) or not number(entry[1]) then break end
  last, count = number(entry[1]), count + 1
end
if last then
  -- XTRIM before HSET: it is allowed when memory is full, and HSET after it.
  redis.call('XTRIM', KEYS[2], 'MINID', string.format('%.0f', tonumber(last) + 1) .. '-0')
  redis.call('HSET', KEYS[1], 'trimmed', last)
end
return count
