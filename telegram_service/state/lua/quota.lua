-- Counts a question once, against a person's minute and day and everybody's minute.
-- KEYS: 1 counted  2 minute  3 day  4 everybody   ARGV: 1 2 3 limits  4 seconds to keep `counted`
-- Returns "" (go), or which limit is reached: minute, day, all.
if redis.call('EXISTS', KEYS[1]) == 1 then return '' end
local names, ends = {'minute', 'day', 'all'}, {60, 86400, 60}
for place = 1, 3 do
  if tonumber(redis.call('GET', KEYS[place + 1]) or '0') >= tonumber(ARGV[place]) then
    return names[place]
  end
end
for place = 1, 3 do
  if redis.call('INCR', KEYS[place + 1]) == 1 then
    redis.call('EXPIRE', KEYS[place + 1], ends[place])
  end
end
redis.call('SET', KEYS[1], 1, 'EX', ARGV[4])
return ''
