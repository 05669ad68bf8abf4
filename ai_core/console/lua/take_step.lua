-- Use a time step of one-time codes, unless it or a later one was used.
-- KEYS: the account's latest step. ARGV: step, seconds to remember it.
local used = tonumber(redis.call('GET', KEYS[1]) or '-1')
if tonumber(ARGV[1]) <= used then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
