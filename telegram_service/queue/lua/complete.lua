-- Removes the first updates of a chat's queue and makes the chat ready again when more waits.
-- KEYS: 1 chat  2 queue of the chat  3 ready chats  4 queued chats  5 counters  6… outbox of each update
-- ARGV: 1 stream id  2 group  3 chat  4 fence  5 outcome  6… update id and received in ms of each, in order
-- One after the first that was edited meanwhile waits on with all behind it: its edit is answered.
-- Returns 1, or 0 and changes nothing when another worker has claimed the chat.
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[4] then return 0 end
local done = {}
for index = 1, #KEYS - 5 do
  local head = redis.call('LINDEX', KEYS[2], index - 1)
  local update, received = string.match(head or '', '^(%d+)|%d*|(%d+)|')
  if update ~= ARGV[4 + 2 * index] then return 0 end
  if index > 1 and received ~= ARGV[5 + 2 * index] then break end
  done[index] = update
end
local last = tonumber(redis.call('HGET', KEYS[1], 'last') or '0')
for index, update in ipairs(done) do
  redis.call('LPOP', KEYS[2])
  redis.call('DEL', KEYS[5 + index])
  if tonumber(update) < last then redis.call('HINCRBY', KEYS[5], 'disordered', 1) end
  last = tonumber(update)
end
redis.call('HINCRBY', KEYS[5], 'settled', #done)
redis.call('HINCRBY', KEYS[5], ARGV[5], #done)
redis.call('HSET', KEYS[1], 'last', done[#done])
redis.call('HDEL', KEYS[1], 'claimed', 'deaths', 'failing', 'failures', 'edited')
redis.call('XACK', KEYS[3], ARGV[2], ARGV[1])
redis.call('XDEL', KEYS[3], ARGV[1])
if redis.call('LLEN', KEYS[2]) > 0 then
  redis.call('XADD', KEYS[3], '*', 'chat', ARGV[3])
else
  redis.call('SREM', KEYS[4], ARGV[3])
end
return 1
