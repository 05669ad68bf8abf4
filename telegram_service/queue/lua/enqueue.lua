-- Enqueues one update, unless its id is known: deduplication and storage in one atomic call.
-- KEYS: 1 event id  2 queue of the chat  3 queued chats  4 ready chats  5 counters  6 chat
--       7 message ids  8 control  9 sequence
-- ARGV: 1 chat  2 update id, "" for the next of the sequence  3 message id or ""  4 now in ms
--       5 payload  6 lane  7 TTL in s  8 first number of the sequence
-- An edit of the message that is being answered stops that answer: `edited` says why.
-- lane: message | edit | control. Returns 1 enqueued, 0 duplicate, 2 replaced a waiting message.
if not redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[7]) then
  redis.call('HINCRBY', KEYS[5], 'duplicates', 1)
  return 0
end
redis.call('HINCRBY', KEYS[5], 'accepted', 1)
local number = ARGV[2]
if number == '' then
  number = string.format('%.0f', tonumber(ARGV[8]) + redis.call('INCR', KEYS[9]))
end
if ARGV[3] ~= '' then
  redis.call('ZADD', KEYS[7], ARGV[3], ARGV[3])
  redis.call('ZREMRANGEBYRANK', KEYS[7], 0, -5001)
  redis.call('EXPIRE', KEYS[7], ARGV[7])
end
local stored = number .. '|' .. ARGV[3] .. '|' .. ARGV[4] .. '|' .. ARGV[5]
if ARGV[6] == 'control' then
  redis.call('XADD', KEYS[8], '*', 'chat', ARGV[1], 'update', stored)
  return 1
end
if ARGV[6] == 'edit' then
  local claimed = redis.call('HGET', KEYS[6], 'claimed')
  for index, waiting in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
    local update, message = string.match(waiting, '^(%d+)|(%d*)|')
    if message == ARGV[3] and update == claimed then
      redis.call('HSET', KEYS[6], 'edited', update)
      if tonumber(redis.call('HGET', KEYS[6], 'stop_before') or '0') <= tonumber(update) then
        redis.call('HSET', KEYS[6], 'stop_before', string.format('%.0f', tonumber(update) + 1))
      end
    elseif message == ARGV[3] then
      redis.call('LSET', KEYS[2], index - 1, update .. '|' .. message .. '|' .. ARGV[4] .. '|' .. ARGV[5])
      redis.call('HINCRBY', KEYS[5], 'settled', 1)
      return 2
    end
  end
end
redis.call('RPUSH', KEYS[2], stored)
if redis.call('SADD', KEYS[3], ARGV[1]) == 1 then
  redis.call('XADD', KEYS[4], '*', 'chat', ARGV[1])
end
return 1
