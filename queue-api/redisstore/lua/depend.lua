-- Registers who waits for a job or for a child of an array.
-- KEYS  1 record of the job or array  2 its dependents
-- ARGV  1 dependent
-- Returns 1, or 0 if there is no such job.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return 1
