-- Keeps a text of the leader's: a queue's fair-share ledger, or its pace.
-- KEYS  1 text  2 epoch
-- ARGV  1 text  2 epoch of the writer, 0 for none
-- Returns 1, or 0 if a newer leader wrote here.
if fenced(KEYS[2], ARGV[2]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
