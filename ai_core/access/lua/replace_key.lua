-- Compare-and-set one API key, and bump the version that every process compares.
-- KEYS: keys, their version. ARGV: id, record expected ("" for a new key), record, new version.
local stored = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if stored ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('SET', KEYS[2], ARGV[4])
return 1
