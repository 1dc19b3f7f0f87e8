-- Makes a share inactive unless a job of it waits or is under way.
-- KEYS  1 active shares  2 waiting in the share  3 live by share
-- ARGV  1 share
-- Returns 1 if it did, else 0.
if redis.call('EXISTS', KEYS[2]) == 1 or tonumber(redis.call('HGET', KEYS[3], ARGV[1]) or '0') > 0 then
  return 0
end
redis.call('HDEL', KEYS[3], ARGV[1])
return redis.call('SREM', KEYS[1], ARGV[1])
