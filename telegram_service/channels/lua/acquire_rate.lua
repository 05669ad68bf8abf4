-- Acquires one call to Telegram from the token buckets of the bot and of the chat, or returns how long
-- to wait; a deadline that Telegram set with a 429 comes first.
-- KEYS: 1 bot bucket  2 chat bucket  3 bot retry-after  4 chat retry-after
-- ARGV: 1 bot rate/s  2 bot burst  3 chat rate/s  4 chat burst  5 kept in reserve (bot)  6 (chat)
-- Returns 0 (call; the tokens are taken) or how many ms to wait before asking again.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local blocked = math.max(redis.call('PTTL', KEYS[3]), redis.call('PTTL', KEYS[4]))
if blocked > 0 then return blocked end
local wait, left = 0, {}
for index = 1, 2 do
  local rate, burst = tonumber(ARGV[index * 2 - 1]), tonumber(ARGV[index * 2])
  local reserve = tonumber(ARGV[4 + index])
  local bucket = redis.call('HMGET', KEYS[index], 'tokens', 'at')
  local tokens = math.min(burst, tonumber(bucket[1] or burst) + (now - tonumber(bucket[2] or now)) * rate / 1000)
  left[index] = tokens
  if tokens - reserve < 1 then wait = math.max(wait, math.ceil((1 + reserve - tokens) * 1000 / rate)) end
end
if wait > 0 then return wait end
for index = 1, 2 do
  redis.call('HSET', KEYS[index], 'tokens', tostring(left[index] - 1), 'at', now)
  redis.call('PEXPIRE', KEYS[index], 120000)
end
return 0
