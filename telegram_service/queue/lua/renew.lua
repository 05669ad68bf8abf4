-- Says that a worker is alive: its tokens' idle time starts again, where it still holds the fence.
-- KEYS: 1 stream  2… where the fence of each is   ARGV: 1 group  2 consumer  then for each: token, fence
-- Returns for each: the stop mark ("" for none), or "lost".
local told = {}
for place = 2, #KEYS do
  local token, fence = ARGV[2 * place - 1], ARGV[2 * place]
  local held = redis.call('HMGET', KEYS[place], 'fence', 'stop')
  if held[1] == fence then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, token, 'JUSTID')
    told[#told + 1] = held[2] or ''
  else
    told[#told + 1] = 'lost'
  end
end
return told
