-- Writes fields of an outbox record while the fence is ours, and notes a message id as known.
-- KEYS: 1 fence  2 record  3 known ids   ARGV: 1 fence  2 kept for, s  3 message id or ""  4… field, value
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
for place = 4, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[place], ARGV[place + 1]) end
redis.call('EXPIRE', KEYS[2], ARGV[2])
if ARGV[3] ~= '' then redis.call('ZADD', KEYS[3], ARGV[3], ARGV[3]) end
return 1
