-- Stores a new job.
-- KEYS  1 job  2 status index  3 waiting  4 order  5 events  6 closed
-- ARGV  1 id  2 submitted  3 mutable  4 status  5 waits (1 or 0)  6 at, ms
--       7 events kept  8 channel  9 what to say there
-- Returns the id, '' if it is stored already, or nil if the queue is closed.
if redis.call('EXISTS', KEYS[6]) == 1 then
  return false
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  return ''
end
local n = redis.call('INCR', KEYS[4])
redis.call('HSET', KEYS[1], 's', ARGV[2], 'm', ARGV[3], 'v', 1, 'n', n)
redis.call('ZADD', KEYS[2], n, ARGV[1])
if ARGV[5] == '1' then
  redis.call('ZADD', KEYS[3], n, ARGV[1])
end
redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[7], '*', 'job', ARGV[1], 'from', '', 'to', ARGV[4], 'at', ARGV[6])
redis.call('PUBLISH', ARGV[8], ARGV[9])
return ARGV[1]
