-- Returns how many wait before an update, which joins at the end when it is new; drops silent ones.
-- KEYS: 1 positions  2 when each was last renewed  3 tickets   ARGV: 1 update id  2 timeout in ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[2])) do
  redis.call('ZREM', KEYS[1], gone)
  redis.call('ZREM', KEYS[2], gone)
end
redis.call('ZADD', KEYS[2], now, ARGV[1])
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  redis.call('ZADD', KEYS[1], redis.call('INCR', KEYS[3]), ARGV[1])
end
return redis.call('ZRANK', KEYS[1], ARGV[1])
