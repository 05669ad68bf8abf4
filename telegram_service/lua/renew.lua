-- Says that a worker is alive: its tokens' idle time starts again, where it still holds the fence.
-- KEYS: 1 stream   ARGV: 1 group  2 consumer  then for each: token, chat key, fence
-- Returns for each: the stop mark ("" for none), or "lost".
local told = {}
for place = 3, #ARGV, 3 do
  local held = redis.call('HMGET', ARGV[place + 1], 'fence', 'stop')
  if held[1] == ARGV[place + 2] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[place], 'JUSTID')
    told[#told + 1] = held[2] or ''
  else
    told[#told + 1] = 'lost'
  end
end
return told
