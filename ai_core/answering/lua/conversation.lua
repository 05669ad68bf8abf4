-- Add a question and its answer to a conversation, keep the latest turns, put off its end.
-- KEYS: the conversation. ARGV: turns kept, seconds to live, 1 when it is new, then the turns.
-- Returns the number of turns; 0 and adds nothing when it is not new and not there any more.
if ARGV[3] ~= '1' and redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for place = 4, #ARGV do
  redis.call('RPUSH', KEYS[1], ARGV[place])
end
redis.call('LTRIM', KEYS[1], -ARGV[1], -1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('LLEN', KEYS[1])
