-- Reads the head and the entries after a position, as of one instant. ARGV: candidate
-- generation, the position's generation or nothing for the beginning, its sequence
-- number and tag, the most entries and the most bytes. Returns generation, seq, tag,
-- trimmed, born and large of the head, then 1 if the page was cut, and the entries as
-- XRANGE does, but as one text in the Redis serialization protocol.

-- First comes a write that changes nothing, and that Redis allows when memory is full.
-- A read-only replica refuses it, so that a lagging copy never counts as the log.
redis.call('HDEL', KEYS[1], 'none')
local h, refused = head(ARGV[1])
if refused then return refused end

local after = ARGV[2] == '' and h.trimmed or tonumber(ARGV[3])
local ids, texts, size, cut = {}, {}, 0, false

local function bulk(text) return '$' .. #text .. '\r\n' .. text .. '\r\n' end

local function encode(entry)
  local texts = { '*2\r\n', bulk(entry[1]), '*', #entry[2], '\r\n' }
  for _, field in ipairs(entry[2]) do texts[#texts + 1] = bulk(field) end
  return table.concat(texts)
end

-- take adds an entry to the page, unless the page is full. A page has at least one
-- entry, of any length.
local function take(entry)
  local text = encode(entry)
  size = size + #text
  cut = #ids > 0 and (#ids == tonumber(ARGV[5]) or size > tonumber(ARGV[6]))
  if not cut then ids[#ids + 1], texts[#texts + 1] = number(entry[1]) or h.seq + 1, text end
end

-- collect reads the page in steps, because the length of an entry is known only once it
-- was read.
local function collect()
  local from, step = decimal(after) .. '-0', nil
  repeat
    step = redis.call('XRANGE', KEYS[2], '(' .. from, '+', 'COUNT', '16')
    for i = 1, #step do
      take(step[i])
      if cut then return end
      from = step[i][1]
    end
  until #step < 16
end

-- whole reports whether no entry of this generation is missing. Numbers that only grow
-- have no hole if the last one equals the number before the first plus their count. A
-- page that was cut ends before the head, and is still whole.
local function whole()
  local from, old = math.max(after, h.born, h.trimmed), #ids
  while old > 0 and ids[old] > from do old = old - 1 end
  local many = #ids - old
  if many > 0 and ids[#ids] ~= from + many then return false end
  return cut or many == h.seq - from
end

if ARGV[2] == h.generation and diverged(h, after, ARGV[4]) then
  h, refused = begin(h, ARGV[1])
  if refused then return refused end
elseif ARGV[2] == '' or ARGV[2] == h.generation then
  collect()
  -- Rule R8: the count is right, but the numbers are not.
  if not whole() then
    h, refused = begin(h, ARGV[1])
    if refused then return refused end
  end
end
return {
  h.generation, decimal(h.seq), h.tag, decimal(h.trimmed), decimal(h.born), decimal(h.large), cut and 1 or 0,
  '*' .. #texts .. '\r\n' .. table.concat(texts),
}
