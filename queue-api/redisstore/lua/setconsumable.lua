-- Creates or changes a consumable resource if it still is what the caller read.
-- KEYS  1 resource  2 names of all resources
-- ARGV  1 name  2 record expected, '' for none  3 total expected  4 record to store  5 total  6 type  7 channel
--       8 what to say there
-- Returns 1 if it did, 0 if the resource was another.
local stored = redis.call('HMGET', KEYS[1], 'r', 't')
if (stored[1] or '') ~= ARGV[2] or (stored[2] or '') ~= ARGV[3] then
  return 0
end
redis.call('HSET', KEYS[1], 'r', ARGV[4], 't', ARGV[5], 'y', ARGV[6])
redis.call('HSETNX', KEYS[1], 'u', 0)
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('PUBLISH', ARGV[7], ARGV[8])
return 1
