-- Stores a new job.
-- KEYS  1 job  2 status index  3 waiting in its share  4 shares with something waiting  5 active shares  6 order  7 events
--       8 closed  9 specs  10 references to specs  11 settled  12 marks  13 view  14-18 status indexes of what is not finished
--       19... indexes of the consumables it names
-- ARGV  1 id  2 status  3 place in its share but for the order, '' when it does not wait  4 entry that waits  5 share
--       6 digest of its spec  7 spec  8 settled (1 or 0)  9 at, ms  10 active shares at most  11 events kept  12 channel
--       13 what to say there  14 view expected, '' for any  15 jobs not finished at most, 0 for any number
--       16... fields of the record
-- Returns 'ok', or 'exists', 'closed' (the queue takes no jobs), 'changed' (the view is another), 'full' (too many jobs that
-- are not finished) or 'limit' (too many active shares).
if redis.call('EXISTS', KEYS[8]) == 1 then
  return 'closed'
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 'exists'
end
if ARGV[14] ~= '' and (redis.call('GET', KEYS[13]) or '0') ~= ARGV[14] then
  return 'changed'
end
local most = tonumber(ARGV[15])
if most > 0 and tonumber(redis.call('GET', KEYS[6]) or '0') >= most then
  local unfinished = 0
  for i = 14, 18 do
    unfinished = unfinished + redis.call('ZCARD', KEYS[i])
  end
  if unfinished >= most then
    return 'full'
  end
end
if redis.call('SISMEMBER', KEYS[5], ARGV[5]) == 0 then
  if redis.call('SCARD', KEYS[5]) >= tonumber(ARGV[10]) then
    return 'limit'
  end
  redis.call('SADD', KEYS[5], ARGV[5])
end
local n = redis.call('INCR', KEYS[6])
redis.call('HSET', KEYS[1], 'n', n, unpack(ARGV, 16))
redis.call('ZADD', KEYS[2], n, ARGV[1])
if redis.call('HINCRBY', KEYS[10], ARGV[6], 1) == 1 then
  redis.call('HSET', KEYS[9], ARGV[6], ARGV[7])
end
if ARGV[3] ~= '' then
  redis.call('ZADD', KEYS[3], string.format('%.0f', tonumber(ARGV[3]) + n), ARGV[4])
  redis.call('SADD', KEYS[4], ARGV[5])
end
if ARGV[8] == '1' then
  redis.call('ZADD', KEYS[11], redis.call('INCR', KEYS[12]), ARGV[1])
end
for i = 19, #KEYS do
  redis.call('ZADD', KEYS[i], n, ARGV[1])
end
redis.call('XADD', KEYS[7], 'MAXLEN', '~', ARGV[11], '*', 'j', ARGV[1], 'f', '', 't', ARGV[2], 'a', ARGV[9], 'r', '')
redis.call('PUBLISH', ARGV[12], ARGV[13])
return 'ok'
