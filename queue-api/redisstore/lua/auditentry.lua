-- Looks at an entry of an index that may have no business there.
-- KEYS  1 index  2 record of the job, array or child
-- ARGV  1 entry  2 repair (1 or 0)  3 it is wrong whatever the record says (1 or 0)
-- Returns 1 if it is wrong, else 0.
local isSet = redis.call('TYPE', KEYS[1]).ok == 'set'
local there
if isSet then
  there = redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1
else
  there = redis.call('ZSCORE', KEYS[1], ARGV[1]) and true
end
if not there or (ARGV[3] ~= '1' and redis.call('EXISTS', KEYS[2]) == 1) then
  return 0
end
if ARGV[2] == '1' then
  redis.call(isSet and 'SREM' or 'ZREM', KEYS[1], ARGV[1])
end
return 1
