-- Makes the chats ready whose time has come.
-- KEYS: 1 later  2 ready   ARGV: 1 now in ms  2 at most so many
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, chat in ipairs(due) do
  redis.call('ZREM', KEYS[1], chat)
  redis.call('XADD', KEYS[2], '*', 'c', chat)
end
return #due
