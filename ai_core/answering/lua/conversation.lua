-- Add a question and its answer to a conversation, keep the latest turns, put off its end.
-- KEYS: the conversation. ARGV: turns kept, seconds to live, then the turns.
for place = 3, #ARGV do
  redis.call('RPUSH', KEYS[1], ARGV[place])
end
redis.call('LTRIM', KEYS[1], -ARGV[1], -1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('LLEN', KEYS[1])
