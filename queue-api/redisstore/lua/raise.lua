-- Raises a number that must not be below another, a key or a field of a hash.
-- KEYS  1 number or hash
-- ARGV  1 field, '' for the key itself  2 least value  3 repair (1 or 0)
-- Returns 1 if it was below, else 0.
local stored
if ARGV[1] == '' then
  stored = redis.call('GET', KEYS[1])
else
  stored = redis.call('HGET', KEYS[1], ARGV[1])
end
if tonumber(stored or '0') >= tonumber(ARGV[2]) then
  return 0
end
if ARGV[3] == '1' then
  if ARGV[1] == '' then
    redis.call('SET', KEYS[1], ARGV[2])
  else
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  end
end
return 1
