-- Puts a chat aside until later, its mailbox untouched.
-- KEYS: 1 chat  2 ready  3 later   ARGV: 1 token  2 group  3 chat  4 fence  5 due in ms  6 failed update or ""
-- Returns the failures of the head so far, or -1 when another worker has taken over.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[4] then return -1 end
local failures = 0
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], 'failing', ARGV[6])
  failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
end
redis.call('HDEL', KEYS[1], 'taken', 'deaths')
redis.call('XACK', KEYS[2], ARGV[2], ARGV[1])
redis.call('XDEL', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[5], ARGV[3])
return failures
