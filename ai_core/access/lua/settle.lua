-- A visit ends: its place is free, and its tokens become what they were, not what was reserved.
-- KEYS: used, open. ARGV: visit, then for tokens a minute and a day: slot (0 none), difference.
local WINDOWS = {{'t', 60}, {'d', 96}}

redis.call('ZREM', KEYS[2], ARGV[1])
for place, window in ipairs(WINDOWS) do
  local name, slots = unpack(window)
  local slot, difference = tonumber(ARGV[2 * place]), tonumber(ARGV[2 * place + 1])
  local at = tonumber(redis.call('HGET', KEYS[1], name .. ':at') or -1)
  if slot > 0 and difference ~= 0 and at >= slot and at - slot <= slots then
    redis.call('HINCRBY', KEYS[1], name .. slot % (slots + 1), difference)
    redis.call('HINCRBY', KEYS[1], name .. ':sum', difference)
  end
end
