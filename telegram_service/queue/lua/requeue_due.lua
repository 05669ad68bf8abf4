-- Makes postponed chats ready whose time has come.
-- KEYS: 1 postponed chats  2 ready chats   ARGV: 1 now in ms  2 limit    Returns how many.
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, chat in ipairs(due) do
  redis.call('ZREM', KEYS[1], chat)
  redis.call('XADD', KEYS[2], '*', 'chat', chat)
end
return #due
