-- Count an attempt to sign in before it is looked at, or refuse it.
-- KEYS: of each subject: its count, its lock.
-- ARGV: window (s), lock (s), then the limit of each subject.
-- Returns the seconds left of the longest lock; 0: the attempt may go on.
local window_s, lock_s, longest_s = ARGV[1], ARGV[2], 0
for at = 2, #KEYS, 2 do
  longest_s = math.max(longest_s, redis.call('TTL', KEYS[at]))
end
if longest_s > 0 then
  return longest_s
end
for at = 1, #KEYS, 2 do
  local count = redis.call('INCR', KEYS[at])
  if count == 1 then
    redis.call('EXPIRE', KEYS[at], window_s)
  end
  if count > tonumber(ARGV[2 + (at + 1) / 2]) then
    redis.call('SET', KEYS[at + 1], '1', 'EX', lock_s)
    redis.call('DEL', KEYS[at])
    longest_s = tonumber(lock_s)
  end
end
return longest_s
