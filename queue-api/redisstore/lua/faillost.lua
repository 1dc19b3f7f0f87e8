-- Fails a child whose record is lost and that was under way, or had been.
-- KEYS  1 child  2 array  3 children  4 settled  5 marks
-- ARGV  1 id  2 index  3 mutable
-- Returns 1, or 0 if there is no such child.
local index = tonumber(ARGV[2])
local letter = redis.call('GETRANGE', KEYS[3], index, index)
if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('EXISTS', KEYS[2]) == 0 or not string.find('RTU', letter, 1, true) or letter == '' then
  return 0
end
redis.call('HSET', KEYS[1], 'm', ARGV[3], 'v', 1)
redis.call('SETRANGE', KEYS[3], index, 'F')
local counts = counted(redis.call('HGET', KEYS[2], 'c'))
counts[letter], counts.F = counts[letter] - 1, counts.F + 1
redis.call('HSET', KEYS[2], 'c', countsOf(counts))
mark(KEYS[4], KEYS[5], ARGV[1])
return 1
