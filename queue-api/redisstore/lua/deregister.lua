-- Makes a revision of a job definition INACTIVE; twice is harmless.
-- KEYS  1 definition  2 active
-- ARGV  1 revision
-- Returns 1, or 0 if there is no such revision.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return 0
end
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
