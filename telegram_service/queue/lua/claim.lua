-- Leases the head of a chat's queue under a new fencing token: earlier holders may not touch it.
-- KEYS: 1 chat  2 queue of the chat  3 ready chats  4 queued chats
-- ARGV: 1 stream id  2 group  3 chat  4 how many updates to return  5 TTL of the chat's state in s
-- Returns {fence, deaths, failures, stop before, updates}, or nil when the queue is empty.
local updates = redis.call('LRANGE', KEYS[2], 0, ARGV[4] - 1)
if #updates == 0 then
  redis.call('XACK', KEYS[3], ARGV[2], ARGV[1])
  redis.call('XDEL', KEYS[3], ARGV[1])
  redis.call('SREM', KEYS[4], ARGV[3])
  return nil
end
local head = string.match(updates[1], '^(%d+)|')
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
local deaths = 0
if redis.call('HGET', KEYS[1], 'claimed') == head then
  deaths = redis.call('HINCRBY', KEYS[1], 'deaths', 1)
else
  redis.call('HSET', KEYS[1], 'claimed', head, 'deaths', 0)
end
if redis.call('HGET', KEYS[1], 'failing') ~= head then
  redis.call('HDEL', KEYS[1], 'failing', 'failures')
end
redis.call('EXPIRE', KEYS[1], ARGV[5])
local failures = tonumber(redis.call('HGET', KEYS[1], 'failures') or '0')
return {fence, deaths, failures, redis.call('HGET', KEYS[1], 'stop_before') or '', updates}
