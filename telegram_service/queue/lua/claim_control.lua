-- Leases an update of the control lane under a new fencing token.
-- KEYS: 1 fence of the update   ARGV: 1 TTL in s    Returns {fence, deaths}.
-- A claim before this one that ended by being postponed was no death.
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('EXPIRE', KEYS[1], ARGV[1])
return {fence, fence - 1 - tonumber(redis.call('HGET', KEYS[1], 'postponed') or '0')}
