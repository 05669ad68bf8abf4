-- Writes fields of an outbox while the fence is ours, and adds a message id to the known ones.
-- KEYS: 1 fence  2 outbox  3 message ids   ARGV: 1 fence  2 TTL in s  3 message id or ""  4… field, value
-- Returns 1, or 0 and changes nothing when another worker has claimed the update.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
for index = 4, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[index], ARGV[index + 1]) end
redis.call('EXPIRE', KEYS[2], ARGV[2])
if ARGV[3] ~= '' then redis.call('ZADD', KEYS[3], ARGV[3], ARGV[3]) end
return 1
