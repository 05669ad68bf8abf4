-- Asks that nothing older than an update be answered in a chat; the mark only moves forward.
-- KEYS: 1 chat   ARGV: 1 update id  2 TTL in s
if tonumber(redis.call('HGET', KEYS[1], 'stop_before') or '0') < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'stop_before', ARGV[1])
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
