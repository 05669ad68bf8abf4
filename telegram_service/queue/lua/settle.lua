-- Ends the work on the head of a mailbox and passes the chat on. Nothing when the fence is old.
-- KEYS: 1 chat  2 mailbox  3 ready  4 active  5 counts  6… what was sent for each update
-- ARGV: 1 token  2 group  3 chat  4 fence  5 outcome  6… update ids, in order
-- Returns 1, or 0 when another worker has taken over.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[4] then return 0 end
for place = 6, #ARGV do
  local head = redis.call('LINDEX', KEYS[2], place - 6)
  if not head or string.match(head, '^(%d+)|') ~= ARGV[place] then return 0 end
end
local last = tonumber(redis.call('HGET', KEYS[1], 'last') or '0')
for place = 6, #ARGV do
  redis.call('LPOP', KEYS[2])
  redis.call('DEL', KEYS[place])
  if tonumber(ARGV[place]) < last then redis.call('HINCRBY', KEYS[5], 'disordered', 1) end
  last = tonumber(ARGV[place])
end
redis.call('HINCRBY', KEYS[5], 'settled', #ARGV - 5)
redis.call('HINCRBY', KEYS[5], ARGV[5], #ARGV - 5)
redis.call('HSET', KEYS[1], 'last', ARGV[#ARGV])
redis.call('HDEL', KEYS[1], 'taken', 'deaths', 'failing', 'failures')
redis.call('XACK', KEYS[3], ARGV[2], ARGV[1])
redis.call('XDEL', KEYS[3], ARGV[1])
if redis.call('LLEN', KEYS[2]) > 0 then
  redis.call('XADD', KEYS[3], '*', 'c', ARGV[3])
else
  redis.call('SREM', KEYS[4], ARGV[3])
end
return 1
