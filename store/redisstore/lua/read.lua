-- Reads the head and the entries after a position, as of one instant.
-- ARGV: candidate generation, the position's generation or nothing for the
-- beginning, its sequence number and tag, how many entries and how many bytes at the
-- most. Returns generation, seq, tag, trimmed, born and large of the head, then 1 if the page was
-- cut, and the entries as XRANGE does, but as one text in the Redis serialization
-- protocol.

-- First a write that changes nothing, allowed when memory is full: a read-only
-- replica refuses it, so that a lagging copy never passes for the log.
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

-- take adds an entry to the page, unless the page is full: a page has at least one
-- entry, however long that is.
local function take(entry)
  local text = encode(entry)
  size = size + #text
  cut = #ids > 0 and (#ids == tonumber(ARGV[5]) or size > tonumber(ARGV[6]))
  if not cut then ids[#ids + 1], texts[#texts + 1] = number(entry[1]) or h.seq + 1, text end
end

-- collect reads the page in steps: an entry says how long it is only once it was read.
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

-- whole reports whether none is missing among the entries of this generation.
-- Numbers that only grow have no hole if the last is as far on as they are many. A
-- page that was cut ends before the head, and lacks nothing for that.
local function whole()
  local from, old = math.max(after, h.born, h.trimmed), #ids
  while old > 0 and ids[old] > from do old = old - 1 end
  local many = #ids - old
  if many > 0 and ids[#ids] ~= from + many then return false end
  return cut or many == h.seq - from
end

if ARGV[2] == h.generation and strayed(h, after, ARGV[4]) then
  h, refused = begin(h, ARGV[1])
  if refused then return refused end
elseif ARGV[2] == '' or ARGV[2] == h.generation then
  collect()
  -- Rule R8: their number is right, but not their numbers.
  if not whole() then
    h, refused = begin(h, ARGV[1])
    if refused then return refused end
  end
end
return {
  h.generation, decimal(h.seq), h.tag, decimal(h.trimmed), decimal(h.born), decimal(h.large), cut and 1 or 0,
  '*' .. #texts .. '\r\n' .. table.concat(texts),
}
