-- Holds a job's or array's entries in the indexes against its record, of one version.
-- KEYS  1 record  2 waiting in its share  3 shares with something waiting  4 active shares  5 live  6 ended
--       7 to 13 indexes of the statuses  14... indexes of the consumables it names
-- ARGV  1 id  2 version  3 repair (1 or 0)  4 which of the statuses, from 1  5 place in its share but for the order, '' when
--       it does not wait by itself  6 share  7 live (1 or 0)  8 when it ended, ms, '' while it has not
-- Returns the checks that failed; none if the record is of another version by now.
local id, repair = ARGV[1], ARGV[3] == '1'
local record = redis.call('HMGET', KEYS[1], 'v', 'n')
local n = tonumber(record[2] or '')
if record[1] ~= ARGV[2] or not n then
  return {}
end
local found = auditor(repair)
for i = 1, 7 do
  found.entry('status', KEYS[6 + i], id, i == tonumber(ARGV[4]) and n)
end
if ARGV[5] == '' then
  found.entry('waiting', KEYS[2], id, false)
else
  found.waiting(KEYS[2], KEYS[3], KEYS[4], ARGV[6], id, tonumber(ARGV[5]) + n)
end
found.member('live', KEYS[5], id, ARGV[7] == '1')
found.entry('ended', KEYS[6], id, ARGV[8] ~= '' and tonumber(ARGV[8]))
for i = 14, #KEYS do
  found.entry('consumers', KEYS[i], id, n)
end
return found.list
