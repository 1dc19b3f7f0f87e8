-- Holds a share's membership in the sets of shares against what waits in it.
-- KEYS  1 waiting in the share  2 shares with something waiting  3 active shares  4 live by share
-- ARGV  1 share  2 repair (1 or 0)
-- Returns the checks that failed.
local found = auditor(ARGV[2] == '1')
local waits = redis.call('EXISTS', KEYS[1]) == 1
found.member('shares', KEYS[2], ARGV[1], waits)
if waits or tonumber(redis.call('HGET', KEYS[4], ARGV[1]) or '0') > 0 then
  found.member('shares', KEYS[3], ARGV[1], true)
end
return found.list
