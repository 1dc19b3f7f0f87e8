-- Fences a queue for a new leader: writes of earlier ones fail from now on.
-- KEYS  1 epoch
-- ARGV  1 epoch of the leader
-- Returns 1, or 0 if a newer leader was here.
local newest = tonumber(redis.call('GET', KEYS[1]) or '0')
if newest > tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
