-- Removes the head of a chat's queue and makes the chat ready again when more waits.
-- KEYS: 1 chat  2 queue of the chat  3 ready chats  4 queued chats  5 counters  6… outbox of each update
-- ARGV: 1 stream id  2 group  3 chat  4 fence  5 outcome  6… update ids, in order
-- Returns 1, or 0 and changes nothing when another worker has claimed the chat.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[4] then return 0 end
for index = 6, #ARGV do
  local head = redis.call('LINDEX', KEYS[2], index - 6)
  if not head or string.match(head, '^(%d+)|') ~= ARGV[index] then return 0 end
end
local last = tonumber(redis.call('HGET', KEYS[1], 'last') or '0')
for index = 6, #ARGV do
  redis.call('LPOP', KEYS[2])
  redis.call('DEL', KEYS[index])
  if tonumber(ARGV[index]) < last then redis.call('HINCRBY', KEYS[5], 'disordered', 1) end
  last = tonumber(ARGV[index])
end
redis.call('HINCRBY', KEYS[5], 'settled', #ARGV - 5)
redis.call('HINCRBY', KEYS[5], ARGV[5], #ARGV - 5)
redis.call('HSET', KEYS[1], 'last', ARGV[#ARGV])
redis.call('HDEL', KEYS[1], 'claimed', 'deaths', 'failing', 'failures', 'edited')
redis.call('XACK', KEYS[3], ARGV[2], ARGV[1])
redis.call('XDEL', KEYS[3], ARGV[1])
if redis.call('LLEN', KEYS[2]) > 0 then
  redis.call('XADD', KEYS[3], '*', 'chat', ARGV[3])
else
  redis.call('SREM', KEYS[4], ARGV[3])
end
return 1
