-- Counts a question once, against a person's minute and day and everybody's minute.
-- KEYS: 1 counted  2 minute  3 day  4 everybody   ARGV: 1 2 3 limits  4 TTL of `counted` in s
-- Returns "" (allowed), or which limit is reached: minute, day, all.
if redis.call('EXISTS', KEYS[1]) == 1 then return '' end
local names, ttls = {'minute', 'day', 'all'}, {60, 86400, 60}
for index = 1, 3 do
  if tonumber(redis.call('GET', KEYS[index + 1]) or '0') >= tonumber(ARGV[index]) then
    return names[index]
  end
end
for index = 1, 3 do
  if redis.call('INCR', KEYS[index + 1]) == 1 then
    redis.call('EXPIRE', KEYS[index + 1], ttls[index])
  end
end
redis.call('SET', KEYS[1], 1, 'EX', ARGV[4])
return ''
