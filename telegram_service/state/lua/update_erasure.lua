-- Stores how far an erasure has come, unless another worker has completed it meanwhile.
-- KEYS: 1 erasures   ARGV: 1 person  2 erasure    Returns 1, or 0 when it is not there any more.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
