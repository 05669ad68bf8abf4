-- Ends the work on an entry of the control lane.
-- KEYS: 1 fence of the entry  2 control  3 counts  4 what was sent   ARGV: 1 token  2 group  3 fence  4 outcome
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[3] then return 0 end
redis.call('XACK', KEYS[2], ARGV[2], ARGV[1])
redis.call('XDEL', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[1], KEYS[4])
redis.call('HINCRBY', KEYS[3], 'settled', 1)
redis.call('HINCRBY', KEYS[3], ARGV[4], 1)
return 1
