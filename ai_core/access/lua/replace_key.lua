-- Write one key if nobody changed it meanwhile, and tell every process that the keys changed.
-- KEYS: keys, their version. ARGV: id, record expected ("" for a new key), record, new version.
local found = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if found ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('SET', KEYS[2], ARGV[4])
return 1
