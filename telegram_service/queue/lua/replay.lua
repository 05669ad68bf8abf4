-- Queues a dead letter again and deletes it, unless its chat has updates that wait.
-- KEYS: 1 dead letters  2 queue of the chat  3 queued chats  4 ready chats  5 counters  6 chat
-- ARGV: 1 letter's id  2 chat  3 the update as enqueue.lua stores it  4 update id
-- Returns 1, 0 when there is no such letter, -1 when updates wait.
-- The chat forgets what it has answered and stopped: both would count against an older update.
if redis.call('LLEN', KEYS[2]) > 0 then return -1 end
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[6], 'last', 'stop_before', 'claimed', 'deaths', 'failing', 'failures')
redis.call('RPUSH', KEYS[2], ARGV[3])
redis.call('HINCRBY', KEYS[5], 'accepted', 1)
redis.call('HINCRBY', KEYS[5], 'replayed', 1)
if redis.call('SADD', KEYS[3], ARGV[2]) == 1 then
  redis.call('XADD', KEYS[4], '*', 'chat', ARGV[2])
end
return 1
