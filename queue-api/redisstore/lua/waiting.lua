-- Finds the children of an array that wait and were not tried yet.
-- KEYS  1 array  2 children
-- ARGV  1 index to begin at  2 how many at most
-- Returns their indexes.
local limit = tonumber(ARGV[2])
local array = redis.call('HMGET', KEYS[1], 'o', 'x', 's')
local size = tonumber(array[3] or '0')
local pattern = array[1] and '[W%-]' or 'W'
local index = math.max(tonumber(ARGV[1]), tonumber(array[2] or '0'))
local recorded = redis.call('EXISTS', KEYS[2]) == 1
local found = {}
while index < size and #found < limit do
  local window
  if recorded then
    window = redis.call('GETRANGE', KEYS[2], index, index + 1023)
  else
    window = string.rep('-', math.min(1024, size - index))
  end
  local at = string.find(window, pattern)
  while at and #found < limit do
    found[#found + 1] = index + at - 1
    at = string.find(window, pattern, at + 1)
  end
  index = index + 1024
end
return found
