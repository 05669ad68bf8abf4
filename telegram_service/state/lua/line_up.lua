-- Takes the last place in line, or keeps the one there is; forgets who was not heard of for long.
-- KEYS: 1 places  2 when each was last heard of  3 tickets   ARGV: 1 update id  2 silence in ms
-- Returns how many are before.
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
