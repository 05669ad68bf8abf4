-- Deletes the updates of a chat received up to a moment that no worker has begun, and what was sent
-- for them. The claimed head stays: its worker, told to stop, completes it. A chat's message in the
-- stream finds an empty queue, as after a crash.
-- KEYS: 1 queue of the chat  2 chat  3 counters
-- ARGV: 1 prefix of the outbox of each update  2 the moment in ms
-- Returns how many updates were deleted.
local claimed = redis.call('HGET', KEYS[2], 'claimed')
local kept, dropped = {}, 0
for index, waiting in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local update, received_ms = string.match(waiting, '^(%d+)|%d*|(%d+)|')
  if (index == 1 and update == claimed) or tonumber(received_ms) > tonumber(ARGV[2]) then
    kept[#kept + 1] = waiting
  else
    redis.call('DEL', ARGV[1] .. update)
    dropped = dropped + 1
  end
end
if dropped > 0 then
  redis.call('DEL', KEYS[1])
  for _, waiting in ipairs(kept) do redis.call('RPUSH', KEYS[1], waiting) end
  redis.call('HINCRBY', KEYS[3], 'settled', dropped)
  redis.call('HINCRBY', KEYS[3], 'stopped', dropped)
end
return dropped
