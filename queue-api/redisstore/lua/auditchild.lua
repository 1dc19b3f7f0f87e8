-- Holds a child's letter in its array, and its entries in the indexes, against its record, of one version.
-- KEYS  1 child  2 array  3 children  4 waiting in its share  5 shares with something waiting  6 active shares  7 live
-- ARGV  1 id  2 index  3 size of the array  4 version  5 repair (1 or 0)  6 letter  7 place in its share but for the order, ''
--       when it does not wait by itself  8 share  9 live (1 or 0)
-- Returns the checks that failed; none if the child is of another version by now.
local id, index, letter = ARGV[1], tonumber(ARGV[2]), ARGV[6]
local array = redis.call('HMGET', KEYS[2], 'n', 'c')
local n = tonumber(array[1] or '')
if redis.call('HGET', KEYS[1], 'v') ~= ARGV[4] or not n then
  return {}
end
local found = auditor(ARGV[5] == '1')
local stored = redis.call('GETRANGE', KEYS[3], index, index)
if stored ~= letter and found.wrong('array') then
  if redis.call('EXISTS', KEYS[3]) == 0 then
    redis.call('SET', KEYS[3], string.rep('-', tonumber(ARGV[3])))
  end
  redis.call('SETRANGE', KEYS[3], index, letter)
  local counts = counted(array[2])
  if stored == 'x' then
    stored = 'F'
  end
  if counts[stored] then
    counts[stored] = counts[stored] - 1
  end
  counts[letter] = counts[letter] + 1
  redis.call('HSET', KEYS[2], 'c', countsOf(counts))
end
if ARGV[7] == '' then
  found.entry('waiting', KEYS[4], id, false)
else
  found.waiting(KEYS[4], KEYS[5], KEYS[6], ARGV[8], id, tonumber(ARGV[7]) + n)
end
found.member('live', KEYS[7], id, ARGV[9] == '1')
return found.list
