-- Creates, replaces or deletes one named record of a hash if it still is what the caller read.
-- KEYS  1 hash
-- ARGV  1 name  2 record expected, '' for none  3 record to store, '' to delete  4 channel  5 what to say there
-- Returns 1 if it did, 0 if the record was another.
local stored = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if stored ~= ARGV[2] then
  return 0
end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1
