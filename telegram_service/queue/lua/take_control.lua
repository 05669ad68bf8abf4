-- Takes an entry of the control lane under a new fence.
-- KEYS: 1 fence of the entry   ARGV: 1 kept for, s    Returns {fence, deaths}.
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('EXPIRE', KEYS[1], ARGV[1])
return {fence, fence - 1}
