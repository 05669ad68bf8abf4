-- Ends a lease and hides the chat until later, its queue untouched.
-- KEYS: 1 chat  2 ready chats  3 postponed chats
-- ARGV: 1 stream id  2 group  3 chat  4 fence  5 due in ms  6 failed update or ""
-- Returns the failures of the head so far, or -1 when another worker has claimed the chat.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[4] then return -1 end
local failures = 0
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], 'failing', ARGV[6])
  failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
end
redis.call('HDEL', KEYS[1], 'claimed', 'deaths')
redis.call('XACK', KEYS[2], ARGV[2], ARGV[1])
redis.call('XDEL', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[5], ARGV[3])
return failures
