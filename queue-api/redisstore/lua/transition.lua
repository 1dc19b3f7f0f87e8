-- Moves a job, or an array as a whole, from one version of its record to the next, with every index that depends on it.
-- KEYS  1 job  2 status index left  3 status index entered  4 waiting in its share  5 shares with something waiting
--       6 active shares  7 live  8 usage  9 usage by share  10 live by share  11 events  12 epoch  13 settled  14 marks
--       15 dependents  16 ended  17 specs  18 references to specs  19 children  20 to 22 what the hour cost
-- ARGV  1 id  2 version expected  3 epoch of the writer, 0 for none  4 mutable  5 from  6 to  7 at, ms  8 reason
--       9 tell the outbox (1 or 0)  10 waiting: '' leave, 'in' enter, 'out' leave  11 place in its share but for the order
--       12 share  13 live: '' leave, 'in' enter, 'out' leave  14 environment charged  15 thousandths of a vCPU
--       16 settled: '' no, 'awaited' if anybody waits for it, 'yes'  17 when it ended, ms, '' while it has not
--       18 digest of its spec  19 spec, '' unless it changes  20 size of the array, 0 for none
--       21 its children without a record may run (1 or 0)  22 they fail now (1 or 0)
--       23 events kept  24 channel  25 what to say there  26 and on: what ended cost, see spend
-- Returns 'ok' and the counts of children, or 'missing', 'conflict' (another version) or 'stale' (a newer leader wrote here).
local id, from, to, at, share, size = ARGV[1], ARGV[5], ARGV[6], ARGV[7], ARGV[12], tonumber(ARGV[20])
if fenced(KEYS[12], ARGV[3]) then
  return {'stale'}
end
local record = redis.call('HMGET', KEYS[1], 'v', 'n', 'd', 'c')
local version, n, digest, counts = record[1], record[2], record[3], record[4]
if not version then
  return {'missing'}
end
if version ~= ARGV[2] then
  return {'conflict'}
end
redis.call('HSET', KEYS[1], 'm', ARGV[4], 'v', version + 1)

-- 1. The spec, when tags changed.
if ARGV[19] ~= '' and digest ~= ARGV[18] then
  if redis.call('HINCRBY', KEYS[18], ARGV[18], 1) == 1 then
    redis.call('HSET', KEYS[17], ARGV[18], ARGV[19])
  end
  if redis.call('HINCRBY', KEYS[18], digest, -1) <= 0 then
    redis.call('HDEL', KEYS[18], digest)
    redis.call('HDEL', KEYS[17], digest)
  end
  redis.call('HSET', KEYS[1], 'd', ARGV[18])
end

-- 2. Children without a record.
if size > 0 then
  local numbers, total = counted(counts)
  if ARGV[22] == '1' and total < size then
    local children = redis.call('GET', KEYS[19]) or string.rep('-', size)
    for _, dependent in ipairs(redis.call('ZRANGE', KEYS[15], 0, -1)) do
      local index = tonumber(string.match(dependent, '^%d+') or '-1')
      if index >= 0 and string.sub(children, index + 1, index + 1) == '-' then
        mark(KEYS[13], KEYS[14], childOf(id, index))
      end
    end
    redis.call('SET', KEYS[19], (string.gsub(children, '%-', 'x')))
    numbers.F, total = numbers.F + size - total, size
    counts = countsOf(numbers)
    redis.call('HSET', KEYS[1], 'c', counts)
  end
  local open = ARGV[21] == '1'
  if open then
    redis.call('HSET', KEYS[1], 'o', 1)
  else
    redis.call('HDEL', KEYS[1], 'o')
  end
  if numbers.W > 0 or (open and total < size) then
    await(KEYS[4], KEYS[5], KEYS[6], share, ARGV[11], n, id .. 'a')
  else
    leave(KEYS[4], KEYS[5], share, id .. 'a')
  end
end

-- 3. Indexes.
if from ~= to then
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZADD', KEYS[3], n, id)
end
if ARGV[10] == 'in' then
  await(KEYS[4], KEYS[5], KEYS[6], share, ARGV[11], n, id)
elseif ARGV[10] == 'out' then
  leave(KEYS[4], KEYS[5], share, id)
end
charge(ARGV[13], {live = KEYS[7], usage = KEYS[8], shareUsage = KEYS[9], shareLive = KEYS[10]}, id, ARGV[14], share, tonumber(ARGV[15]))
if ARGV[17] ~= '' then
  redis.call('ZADD', KEYS[16], ARGV[17], id)
end
spend({KEYS[20], KEYS[21], KEYS[22]}, id, nil, share, 26)

-- 4. Who must know.
if ARGV[16] == 'yes' or (ARGV[16] == 'awaited' and awaited(KEYS[15], '|')) then
  mark(KEYS[13], KEYS[14], id)
end
if ARGV[9] == '1' then
  tell(KEYS[11], ARGV[23], id, from, to, at, ARGV[8])
end
if ARGV[25] ~= '' then
  redis.call('PUBLISH', ARGV[24], ARGV[25])
end
return {'ok', counts or ''}
