-- Takes the head of a chat's mailbox under a new fence: whoever held it before may not touch it.
-- KEYS: 1 chat  2 mailbox  3 ready  4 active
-- ARGV: 1 token  2 group  3 chat  4 how many entries to look at  5 chat state kept for, s
-- Returns {fence, deaths, failures, stop mark, entries} or nil when the mailbox is empty.
local entries = redis.call('LRANGE', KEYS[2], 0, ARGV[4] - 1)
if #entries == 0 then
  redis.call('XACK', KEYS[3], ARGV[2], ARGV[1])
  redis.call('XDEL', KEYS[3], ARGV[1])
  redis.call('SREM', KEYS[4], ARGV[3])
  return nil
end
local head = string.match(entries[1], '^(%d+)|')
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
local deaths = 0
if redis.call('HGET', KEYS[1], 'taken') == head then
  deaths = redis.call('HINCRBY', KEYS[1], 'deaths', 1)
else
  redis.call('HSET', KEYS[1], 'taken', head, 'deaths', 0)
end
if redis.call('HGET', KEYS[1], 'failing') ~= head then
  redis.call('HDEL', KEYS[1], 'failing', 'failures')
end
redis.call('EXPIRE', KEYS[1], ARGV[5])
local failures = tonumber(redis.call('HGET', KEYS[1], 'failures') or '0')
return {fence, deaths, failures, redis.call('HGET', KEYS[1], 'stop') or '', entries}
