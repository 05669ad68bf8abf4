-- Records a 429: no call before its deadline, never shortened; the whole bot when many chats got one.
-- KEYS: 1 bot retry-after  2 chat retry-after  3 refused chats  4 counters
-- ARGV: 1 wait in ms  2 chat  3 how many chats mean the bot
redis.call('HINCRBY', KEYS[4], 'refused_429', 1)
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[2], 1, 'PX', ARGV[1])
end
redis.call('SADD', KEYS[3], ARGV[2])
redis.call('PEXPIRE', KEYS[3], 5000)
if redis.call('SCARD', KEYS[3]) >= tonumber(ARGV[3]) and redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], 1, 'PX', ARGV[1])
end
return 1
