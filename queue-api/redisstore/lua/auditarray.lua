-- Holds an array's counts, flags and entry among what waits against its children's letters, of one version of the array.
-- KEYS  1 array  2 children  3 waiting in its share  4 shares with something waiting  5 active shares
-- ARGV  1 id  2 version  3 repair (1 or 0)  4 size  5 its children without a record may run (1 or 0)
--       6 those failed with it (1 or 0)  7 place in its share but for the order  8 share
-- Returns the checks that failed; none if the array is of another version by now.
local id, size = ARGV[1], tonumber(ARGV[4])
local record = redis.call('HMGET', KEYS[1], 'v', 'n', 'c', 'o', 'x')
local n = tonumber(record[2] or '')
if record[1] ~= ARGV[2] or not n then
  return {}
end
local found = auditor(ARGV[3] == '1')

-- 1. The letters: as many as children, and none without a record that could still run in an array at rest.
local stored = redis.call('GET', KEYS[2]) or ''
local children = string.sub(stored, 1, size)
children = children .. string.rep('-', size - #children)
if ARGV[6] == '1' then
  children = string.gsub(children, '%-', 'x')
end
local plain = string.rep('-', size)
if children ~= stored and not (stored == '' and children == plain) and found.wrong('array') then
  redis.call('SET', KEYS[2], children)
end

-- 2. The counts.
local counts, total = {}, 0
for _, letter in ipairs(letters) do
  local _, count = string.gsub(children, letter, '')
  counts[letter] = count
  total = total + count
end
local _, resting = string.gsub(children, 'x', '')
counts.F, total = counts.F + resting, total + resting
if countsOf(counts) ~= countsOf((counted(record[3]))) and found.wrong('array') then
  redis.call('HSET', KEYS[1], 'c', countsOf(counts))
end

-- 3. The flag, and the first child that may be tried.
local open = ARGV[5] == '1'
if open ~= (record[4] and true or false) and found.wrong('array') then
  if open then
    redis.call('HSET', KEYS[1], 'o', 1)
  else
    redis.call('HDEL', KEYS[1], 'o')
  end
end
local first = string.find(children, '[W%-]')
if first and first - 1 < tonumber(record[5] or '0') and found.wrong('array') then
  redis.call('HSET', KEYS[1], 'x', first - 1)
end

-- 4. The entry for all its children that wait and were not tried yet.
if counts.W > 0 or (open and total < size) then
  found.waiting(KEYS[3], KEYS[4], KEYS[5], ARGV[8], id .. 'a', tonumber(ARGV[7]) + n)
else
  found.entry('waiting', KEYS[3], id .. 'a', false)
end
return found.list
