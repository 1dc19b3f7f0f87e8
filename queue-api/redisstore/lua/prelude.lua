-- What the scripts that change jobs share; it stands before each of them.

-- fenced tells whether a leader newer than the writer wrote here. Epoch 0 is a writer that needs no leadership.
local function fenced(key, epoch)
  epoch = tonumber(epoch)
  if epoch == 0 then
    return false
  end
  local newest = tonumber(redis.call('GET', key) or '0')
  if newest < epoch then
    redis.call('SET', key, epoch)
  end
  return newest > epoch
end

-- tell appends a change of status to the outbox.
local function tell(stream, kept, id, from, to, at, reason)
  redis.call('XADD', stream, 'MAXLEN', '~', kept, '*', 'j', id, 'f', from, 't', to, 'a', at, 'r', reason)
end

-- await lets an entry wait in its share, n being the order of its submission; a share in which anything waits is active.
local function await(waiting, waitingShares, activeShares, share, base, n, entry)
  redis.call('ZADD', waiting, string.format('%.0f', tonumber(base) + tonumber(n)), entry)
  redis.call('SADD', waitingShares, share)
  redis.call('SADD', activeShares, share)
end

local function leave(waiting, waitingShares, share, entry)
  redis.call('ZREM', waiting, entry)
  if redis.call('EXISTS', waiting) == 0 then
    redis.call('SREM', waitingShares, share)
  end
end

-- mark puts an id behind all that are settled.
local function mark(settled, marks, id)
  redis.call('ZADD', settled, redis.call('INCR', marks), id)
end

-- awaited tells whether anybody is registered whose entry begins so.
local function awaited(dependents, beginning)
  return #redis.call('ZRANGEBYLEX', dependents, '[' .. beginning, '[' .. beginning .. '\255', 'LIMIT', 0, 1) > 0
end

-- charge counts an attempt under way, or no more.
local function charge(move, keys, id, environment, share, milli)
  if move == '' then
    return
  end
  local one = 1
  if move == 'in' then
    redis.call('SADD', keys.live, id)
  else
    redis.call('SREM', keys.live, id)
    one, milli = -1, -milli
  end
  redis.call('HINCRBY', keys.shareLive, share, one)
  if milli ~= 0 then
    redis.call('HINCRBY', keys.usage, environment, milli)
    redis.call('HINCRBY', keys.shareUsage, share, milli)
  end
end

-- An array's children are counted by the letter each has in the array's string; what is in no count has no record.
local letters = {'P', 'R', 'W', 'T', 'U', 'D', 'F'}

local function counted(text)
  local counts, total, i = {}, 0, 0
  for n in string.gmatch(text or '0 0 0 0 0 0 0', '%d+') do
    i = i + 1
    counts[letters[i]] = tonumber(n)
    total = total + tonumber(n)
  end
  return counts, total
end

local function countsOf(counts)
  local out = {}
  for i, letter in ipairs(letters) do
    out[i] = counts[letter]
  end
  return table.concat(out, ' ')
end

-- childOf is the short id of an array's child.
local function childOf(array, index)
  local bytes = ''
  for _ = 1, 4 do
    bytes = string.char(index % 256) .. bytes
    index = math.floor(index / 256)
  end
  return array .. bytes
end

-- What attempts cost that ended is counted by hour in places of a day: keys are those of the place, which is emptied first if it is of
-- another hour. Counting must not end the script, whatever is there.
local function count(key, field, by)
  if tonumber(by) ~= 0 then
    return redis.pcall('HINCRBY', key, field, by)
  end
end

-- countFor counts a cost for a share or a tag; false if there are too many already. Attempts are never 0: a count that is theirs alone
-- is new, and c counts those.
local function countFor(key, name, most, nano, attempts, unknown)
  if count(key, 'a' .. name, attempts) == tonumber(attempts) and redis.call('HINCRBY', key, 'c', 1) > most then
    redis.call('HDEL', key, 'a' .. name)
    redis.call('HINCRBY', key, 'c', -1)
    return false
  end
  count(key, 'n' .. name, nano)
  count(key, 'u' .. name, unknown)
  return true
end

-- spend counts what ended: ARGV from first on are the hour, '' for nothing, billionths, attempts, of how many it is not known, what the
-- job cost in all up to now, and the tags. array is the record of a child's array, which sums its children's; its total counts then.
local function spend(keys, id, array, share, first)
  local hour, nano, attempts, unknown, total = ARGV[first], ARGV[first + 1], ARGV[first + 2], ARGV[first + 3], ARGV[first + 4]
  if hour == '' then
    return
  end
  if redis.call('HGET', keys[1], 'h') ~= hour then
    redis.call('DEL', keys[1], keys[2], keys[3])
    redis.call('HSET', keys[1], 'h', hour)
  end
  if array then
    count(array, 'q', attempts)
    count(array, 'u', unknown)
    total = count(array, 'p', nano) or redis.call('HGET', array, 'p') or 0
  end
  if not countFor(keys[1], share, 500, nano, attempts, unknown) then
    countFor(keys[1], '*', 501, nano, attempts, unknown)
  end
  for i = first + 5, #ARGV do
    if not countFor(keys[2], ARGV[i], 250, nano, attempts, unknown) then
      redis.call('HSET', keys[2], 'x', 1)
    end
  end
  if type(total) ~= 'table' and tonumber(total) > 0 then
    redis.call('ZADD', keys[3], total, id)
    redis.call('ZREMRANGEBYRANK', keys[3], 0, -51)
  end
end
