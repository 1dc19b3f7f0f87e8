-- Moves a job from one version of its record to the next, with every index that depends on it.
-- KEYS  1 job  2 status index left  3 status index entered  4 waiting  5 live  6 usage  7 events  8 epoch
-- ARGV  1 id  2 version expected  3 epoch of the writer, 0 for none  4 mutable  5 from  6 to  7 at, ms
--       8 waiting: '' leave, 'in' enter, 'front' enter before all that never ran, 'out' leave
--       9 live: '' leave, 'in' enter, 'out' leave  10 environment charged  11 thousandths of a vCPU to add
--       12 retention of a finished job, s, 0 while unfinished  13 events kept  14 channel  15 what to say there
-- Returns 'ok', or 'missing', 'conflict' (another version) or 'stale' (a newer leader wrote here).
local epoch = tonumber(ARGV[3])
if epoch > 0 then
  local newest = tonumber(redis.call('GET', KEYS[8]) or '0')
  if newest > epoch then
    return 'stale'
  end
  if newest < epoch then
    redis.call('SET', KEYS[8], epoch)
  end
end
local record = redis.call('HMGET', KEYS[1], 'v', 'n')
if not record[1] then
  return 'missing'
end
if record[1] ~= ARGV[2] then
  return 'conflict'
end
local id, n = ARGV[1], record[2]
redis.call('HSET', KEYS[1], 'm', ARGV[4], 'v', ARGV[2] + 1)
if ARGV[5] ~= ARGV[6] then
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZADD', KEYS[3], n, id)
  redis.call('XADD', KEYS[7], 'MAXLEN', '~', ARGV[13], '*', 'job', id, 'from', ARGV[5], 'to', ARGV[6], 'at', ARGV[7])
end
if ARGV[8] == 'in' then
  redis.call('ZADD', KEYS[4], n, id)
elseif ARGV[8] == 'front' then
  redis.call('ZADD', KEYS[4], n - 1099511627776, id)
elseif ARGV[8] == 'out' then
  redis.call('ZREM', KEYS[4], id)
end
if ARGV[9] == 'in' then
  redis.call('SADD', KEYS[5], id)
elseif ARGV[9] == 'out' then
  redis.call('SREM', KEYS[5], id)
end
if ARGV[11] ~= '0' then
  redis.call('HINCRBY', KEYS[6], ARGV[10], ARGV[11])
end
if ARGV[12] ~= '0' then
  redis.call('EXPIRE', KEYS[1], ARGV[12])
end
if ARGV[15] ~= '' then
  redis.call('PUBLISH', ARGV[14], ARGV[15])
end
return 'ok'
