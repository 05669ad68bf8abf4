-- Reads the counters and what waits at one moment, so that the sums agree.
-- KEYS: 1 counters  2 queued chats  3 control  4 postponed chats   ARGV: 1 prefix of a chat's queue
-- Returns {counters, waiting updates, postponed chats, oldest arrival in ms or nil}.
local waiting, oldest = redis.call('XLEN', KEYS[3]), nil
for _, chat in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local queue = ARGV[1] .. chat
  waiting = waiting + redis.call('LLEN', queue)
  local head = redis.call('LINDEX', queue, 0)
  if head then
    local at = tonumber(string.match(head, '^%d+|%d*|(%d+)|'))
    if at and (not oldest or at < oldest) then oldest = at end
  end
end
local counters = redis.call('HGETALL', KEYS[1])
return {counters, waiting, redis.call('ZCARD', KEYS[4]), oldest and tostring(oldest) or false}
