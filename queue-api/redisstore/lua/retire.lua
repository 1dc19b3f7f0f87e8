-- Forgets a finished job, or an array whose children are forgotten.
-- KEYS  1 job  2 status index  3 ended  4 children  5 dependents  6 specs  7 references to specs  8 settled
--       9... indexes of the consumables it names
-- ARGV  1 id
local digest = redis.call('HGET', KEYS[1], 'd')
if digest and redis.call('HINCRBY', KEYS[7], digest, -1) <= 0 then
  redis.call('HDEL', KEYS[7], digest)
  redis.call('HDEL', KEYS[6], digest)
end
redis.call('DEL', KEYS[1], KEYS[4], KEYS[5])
for i = 2, #KEYS do
  if i ~= 4 and i ~= 5 and i ~= 6 and i ~= 7 then
    redis.call('ZREM', KEYS[i], ARGV[1])
  end
end
return 1
