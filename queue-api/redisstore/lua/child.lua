-- Moves an array's child from one version of its record to the next, with every index that depends on it. A child's first
-- transition makes its record.
-- KEYS  1 child  2 array  3 children  4 waiting in its share  5 shares with something waiting  6 active shares  7 live
--       8 usage  9 usage by share  10 live by share  11 events  12 epoch  13 settled  14 marks  15 dependents
--       16 to 18 what the hour cost
-- ARGV  1 id  2 array's id  3 index  4 size of the array  5 version expected, 0 for no record
--       6 version of the array that a child without a record was made from  7 epoch of the writer, 0 for none  8 mutable
--       9 letter expected  10 letter to be  11 from  12 to  13 at, ms  14 reason  15 tell the outbox (1 or 0)
--       16 waiting by itself: '' leave, 'in' enter, 'out' leave  17 its place, and  18 the array's, but for the order
--       19 share  20 live: '' leave, 'in' enter, 'out' leave  21 environment charged  22 thousandths of a vCPU
--       23 settled: '' no, 'awaited' if anybody waits for it or it is the last to end, 'yes'
--       24 events kept  25 channel  26 what to say there  27 and on: what ended cost, see spend
-- Returns 'ok', or 'missing', 'conflict' (another version) or 'stale' (a newer leader wrote here).
local id, array, index, size = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local before, after, share = ARGV[9], ARGV[10], ARGV[19]
if fenced(KEYS[12], ARGV[7]) then
  return {'stale'}
end
local parent = redis.call('HMGET', KEYS[2], 'v', 'n', 'c', 'o', 'x')
if not parent[1] then
  return {'missing'}
end
local n, next = parent[2], tonumber(parent[5] or '0')
if (redis.call('HGET', KEYS[1], 'v') or '0') ~= ARGV[5] then
  return {'conflict'}
end
local letter = redis.call('GETRANGE', KEYS[3], index, index)
if letter == '' then
  letter = '-'
end
if letter ~= before or (ARGV[5] == '0' and parent[1] ~= ARGV[6]) then
  return {'conflict'}
end
redis.call('HSET', KEYS[1], 'm', ARGV[8], 'v', ARGV[5] + 1)

-- 1. The array's string and counts.
local counts, total = counted(parent[3])
local couldRun = counts.W > 0 or (parent[4] and total < size)
if before ~= after then
  if redis.call('EXISTS', KEYS[3]) == 0 then
    redis.call('SET', KEYS[3], string.rep('-', size))
  end
  redis.call('SETRANGE', KEYS[3], index, after)
  if before == '-' then
    total = total + 1
  elseif before == 'x' then
    counts.F = counts.F - 1
  else
    counts[before] = counts[before] - 1
  end
  counts[after] = counts[after] + 1
  redis.call('HSET', KEYS[2], 'c', countsOf(counts))
end

-- 2. The array's one entry for all its children that wait and were not tried yet, and where the first of them is.
if after == 'W' and index < next then
  redis.call('HSET', KEYS[2], 'x', index)
elseif index == next and after ~= 'W' then
  local found
  repeat
    local window = redis.call('GETRANGE', KEYS[3], next, next + 255)
    found = string.find(window, '[W%-]')
    next = next + (found and found - 1 or #window)
  until found or window == ''
  redis.call('HSET', KEYS[2], 'x', next)
end
local canRun = counts.W > 0 or (parent[4] and total < size)
if canRun and not couldRun then
  await(KEYS[4], KEYS[5], KEYS[6], share, ARGV[18], n, array .. 'a')
elseif couldRun and not canRun then
  leave(KEYS[4], KEYS[5], share, array .. 'a')
end

-- 3. Indexes of its own.
if ARGV[16] == 'in' then
  await(KEYS[4], KEYS[5], KEYS[6], share, ARGV[17], n, id)
elseif ARGV[16] == 'out' then
  leave(KEYS[4], KEYS[5], share, id)
end
charge(ARGV[20], {live = KEYS[7], usage = KEYS[8], shareUsage = KEYS[9], shareLive = KEYS[10]}, id, ARGV[21], share, tonumber(ARGV[22]))
spend({KEYS[16], KEYS[17], KEYS[18]}, array, KEYS[2], share, 27)

-- 4. Who must know.
local settled = ARGV[23] == 'yes'
if ARGV[23] == 'awaited' then
  settled = counts.D + counts.F == size
    or (redis.call('EXISTS', KEYS[15]) == 1 and (awaited(KEYS[15], index .. '|') or awaited(KEYS[15], '|N_TO_N|')))
end
if settled then
  mark(KEYS[13], KEYS[14], id)
end
if ARGV[15] == '1' then
  tell(KEYS[11], ARGV[24], id, ARGV[11], ARGV[12], ARGV[13], ARGV[14])
end
if ARGV[26] ~= '' then
  redis.call('PUBLISH', ARGV[25], ARGV[26])
end
return {'ok'}
