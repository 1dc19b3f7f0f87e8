-- Forgets a consumable resource and what was taken of it.
-- KEYS  1 resource  2 names of all resources  3 holders
-- ARGV  1 name  2 channel  3 what to say there
redis.call('DEL', KEYS[1])
redis.call('SREM', KEYS[2], ARGV[1])
local fields = redis.call('HGETALL', KEYS[3])
for i = 1, #fields, 2 do
  local kept, dropped = {}, false
  for name, quantity in string.gmatch(fields[i + 1], '(%S+) (%d+)') do
    if name == ARGV[1] then
      dropped = true
    else
      kept[#kept + 1] = name .. ' ' .. quantity
    end
  end
  if dropped and #kept == 0 then
    redis.call('HDEL', KEYS[3], fields[i])
  elseif dropped then
    redis.call('HSET', KEYS[3], fields[i], table.concat(kept, ' '))
  end
end
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
