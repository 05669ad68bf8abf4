-- Extends a worker's leases: the idle time of its stream messages starts again where its fence holds.
-- KEYS: 1 stream  2… fence of each lease   ARGV: 1 group  2 consumer  then for each: stream id, fence
-- Returns for each: stop before ("" for none), or "lost".
local stops = {}
for index = 2, #KEYS do
  local stream_id, fence = ARGV[2 * index - 1], ARGV[2 * index]
  local chat = redis.call('HMGET', KEYS[index], 'fence', 'stop_before')
  if chat[1] == fence then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, stream_id, 'JUSTID')
    stops[#stops + 1] = chat[2] or ''
  else
    stops[#stops + 1] = 'lost'
  end
end
return stops
