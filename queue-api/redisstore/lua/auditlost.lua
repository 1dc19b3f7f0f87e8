-- Looks at a child that has a letter of a child with a record. If the record is lost and the child was never tried, it is as
-- one without a record again; of any other only its pods can tell.
-- KEYS  1 child  2 array  3 children
-- ARGV  1 index  2 repair (1 or 0)
-- Returns '' if nothing is wrong, 'mendable' or 'lost'.
local index = tonumber(ARGV[1])
local letter = redis.call('GETRANGE', KEYS[3], index, index)
if letter == '' or letter == '-' or letter == 'x' or redis.call('EXISTS', KEYS[1]) == 1 or redis.call('EXISTS', KEYS[2]) == 0 then
  return ''
end
if letter ~= 'W' and letter ~= 'P' then
  return 'lost'
end
if ARGV[2] == '1' then
  redis.call('SETRANGE', KEYS[3], index, '-')
  local counts = counted(redis.call('HGET', KEYS[2], 'c'))
  counts[letter] = counts[letter] - 1
  redis.call('HSET', KEYS[2], 'c', countsOf(counts))
end
return 'mendable'
