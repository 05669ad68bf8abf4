-- The visits of one process are still going on.
-- KEYS: open. ARGV: lease (ms), the visits.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for place = 2, #ARGV do
  redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[place])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
