-- The head of a namespace, before every script that needs it.
-- KEYS[1] is the head, KEYS[2] the log.

-- number returns the sequence number in an entry's id, or nil.
local function number(id)
  return string.match(id, '^(%d+)%-0$')
end

-- found reads what a log that has lost its head still tells: its last and the
-- one before its first sequence number.
local function found()
  if redis.call('EXISTS', KEYS[2]) == 0 then return '0', '0' end
  local info = redis.call('XINFO', 'STREAM', KEYS[2])
  local last, first
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = number(info[i + 1]) end
    if info[i] == 'first-entry' and info[i + 1] then first = number(info[i + 1][1]) or 'odd' end
  end
  if not last or first == 'odd' then return nil end
  if not first then return last, last end
  return last, string.format('%.0f', tonumber(first) - 1)
end

-- head returns the head, made anew under the candidate generation if there is
-- none, or nil and an error reply.
local function head(candidate)
  local h = redis.call('HMGET', KEYS[1], 'version', 'generation', 'seq', 'trimmed', 'born')
  if h[1] == '1' and h[2] and h[3] and h[4] and h[5] then
    return { generation = h[2], seq = h[3], trimmed = h[4], born = h[5] }
  end
  if h[1] or h[2] or h[3] or h[4] or h[5] then
    return nil, redis.error_reply('UNREADABLE head of version ' .. tostring(h[1]) .. ', this gate knows 1')
  end
  local seq, trimmed = found()
  if not seq then
    return nil, redis.error_reply('UNREADABLE id on a log without a head')
  end
  redis.call('HSET', KEYS[1], 'version', '1', 'generation', candidate, 'seq', seq, 'trimmed', trimmed, 'born', seq)
  return { generation = candidate, seq = seq, trimmed = trimmed, born = seq }
end

