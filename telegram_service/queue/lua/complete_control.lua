-- Removes an update from the control lane.
-- KEYS: 1 fence of the update  2 control  3 counters  4 outbox   ARGV: 1 stream id  2 group  3 fence  4 outcome
-- Returns 1, or 0 and changes nothing when another worker has claimed the update.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[3] then return 0 end
redis.call('XACK', KEYS[2], ARGV[2], ARGV[1])
redis.call('XDEL', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[1], KEYS[4])
redis.call('HINCRBY', KEYS[3], 'settled', 1)
redis.call('HINCRBY', KEYS[3], ARGV[4], 1)
return 1
