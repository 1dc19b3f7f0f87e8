-- Gives a holder all that it wants of consumable resources, or nothing.
-- KEYS  1 holders  2... resources
-- ARGV  1 holder  2 what it will hold, as "name quantity name quantity"  3... quantities, as KEYS from 2
-- Returns 0 if the holder has them, now or already before, else which resource is short, counted from 1.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then
  return 0
end
for i = 2, #KEYS do
  local resource = redis.call('HMGET', KEYS[i], 't', 'u')
  if not resource[1] or tonumber(ARGV[i + 1]) > tonumber(resource[1]) - tonumber(resource[2]) then
    return i - 1
  end
end
for i = 2, #KEYS do
  redis.call('HINCRBY', KEYS[i], 'u', ARGV[i + 1])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 0
