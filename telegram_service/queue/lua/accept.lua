-- Accepts one update: once, durably, in its place. One call, so all of it happens or nothing.
-- KEYS: 1 seen  2 mailbox  3 active  4 ready  5 counts  6 chat  7 known ids  8 control
-- ARGV: 1 chat  2 update id  3 message id or ""  4 now in ms  5 payload  6 kind  7 seen for, s
-- kind: post | edit | control. Returns 1 accepted, 0 seen before, 2 replaced a waiting message.
if not redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[7]) then
  redis.call('HINCRBY', KEYS[5], 'duplicates', 1)
  return 0
end
redis.call('HINCRBY', KEYS[5], 'accepted', 1)
if ARGV[3] ~= '' then
  redis.call('ZADD', KEYS[7], ARGV[3], ARGV[3])
  redis.call('ZREMRANGEBYRANK', KEYS[7], 0, -5001)
  redis.call('EXPIRE', KEYS[7], ARGV[7])
end
if ARGV[6] == 'control' then
  redis.call('XADD', KEYS[8], '*', 'c', ARGV[1], 'e', ARGV[2] .. '|' .. ARGV[3] .. '|' .. ARGV[4] .. '|' .. ARGV[5])
  return 1
end
if ARGV[6] == 'edit' then
  local taken = redis.call('HGET', KEYS[6], 'taken')
  for place, entry in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
    local update, message = string.match(entry, '^(%d+)|(%d*)|')
    if message == ARGV[3] and update ~= taken then
      redis.call('LSET', KEYS[2], place - 1, update .. '|' .. message .. '|' .. ARGV[4] .. '|' .. ARGV[5])
      redis.call('HINCRBY', KEYS[5], 'settled', 1)
      return 2
    end
  end
end
redis.call('RPUSH', KEYS[2], ARGV[2] .. '|' .. ARGV[3] .. '|' .. ARGV[4] .. '|' .. ARGV[5])
if redis.call('SADD', KEYS[3], ARGV[1]) == 1 then
  redis.call('XADD', KEYS[4], '*', 'c', ARGV[1])
end
return 1
