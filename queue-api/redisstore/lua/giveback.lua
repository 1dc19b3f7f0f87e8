-- Takes everything back from a holder.
-- KEYS  1 holders  2... resources that it holds
-- ARGV  1 holder  2 what it holds, as the caller read it  3 spent (1 or 0)  4... quantities, as KEYS from 2
-- Returns 1, or 0 if it holds something else by now.
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then
  return 0
end
for i = 2, #KEYS do
  local kind = redis.call('HGET', KEYS[i], 'y')
  if kind then
    redis.call('HINCRBY', KEYS[i], 'u', '-' .. ARGV[i + 2])
    if ARGV[3] == '1' and kind == 'NON_REPLENISHABLE' then
      local total = tonumber(redis.call('HGET', KEYS[i], 't')) - tonumber(ARGV[i + 2])
      redis.call('HSET', KEYS[i], 't', string.format('%.0f', math.max(0, total)))
    end
  end
end
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
