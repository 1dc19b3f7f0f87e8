-- Marks an id as settled, behind all that are.
-- KEYS  1 settled  2 marks
-- ARGV  1 id
redis.call('ZADD', KEYS[1], redis.call('INCR', KEYS[2]), ARGV[1])
return 1
