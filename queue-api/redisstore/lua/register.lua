-- Stores the next revision of a job definition.
-- KEYS  1 revisions  2 definition  3 active
-- ARGV  1 name  2 definition
-- Returns the revision.
local revision = redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
redis.call('HSET', KEYS[2], revision, ARGV[2])
redis.call('ZADD', KEYS[3], revision, revision)
return revision
