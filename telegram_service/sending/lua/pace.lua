-- Asks leave for one call to Telegram: token buckets of the bot and of the chat, and the deadlines
-- that Telegram set with a 429. KEYS: 1 bot bucket  2 chat bucket  3 bot deadline  4 chat deadline
-- ARGV: 1 bot rate/s  2 bot burst  3 chat rate/s  4 chat burst  5 kept in reserve (bot)  6 (chat)
-- Returns 0 (go; the tokens are taken) or how many ms to wait before asking again.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = math.max(redis.call('PTTL', KEYS[3]), redis.call('PTTL', KEYS[4]))
if held > 0 then return held end
local wait, left = 0, {}
for place = 1, 2 do
  local rate, burst = tonumber(ARGV[place * 2 - 1]), tonumber(ARGV[place * 2])
  local reserve = tonumber(ARGV[4 + place])
  local state = redis.call('HMGET', KEYS[place], 'n', 'at')
  local n = math.min(burst, tonumber(state[1] or burst) + (now - tonumber(state[2] or now)) * rate / 1000)
  left[place] = n
  if n - reserve < 1 then wait = math.max(wait, math.ceil((1 + reserve - n) * 1000 / rate)) end
end
if wait > 0 then return wait end
for place = 1, 2 do
  redis.call('HSET', KEYS[place], 'n', tostring(left[place] - 1), 'at', now)
  redis.call('PEXPIRE', KEYS[place], 120000)
end
return 0
