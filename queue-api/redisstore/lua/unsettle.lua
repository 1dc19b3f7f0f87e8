-- Forgets a mark, unless its id was marked again since.
-- KEYS  1 settled
-- ARGV  1 id  2 mark
local stored = redis.call('ZSCORE', KEYS[1], ARGV[1])
if stored and tonumber(stored) == tonumber(ARGV[2]) then
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return 1
