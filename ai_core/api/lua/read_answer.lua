-- Read the batches of an answer that another process writes, and tell that process that it is read.
-- KEYS: the frames, the claim, who reads. ARGV: the first batch wanted, ms that the reader counts.
-- Returns {1, batches…}, or {0} when there is no such answer any more.
if redis.call('EXISTS', KEYS[2]) == 0 then return {0} end
redis.call('SET', KEYS[3], '1', 'PX', ARGV[2])
local batches = redis.call('LRANGE', KEYS[1], ARGV[1], -1)
table.insert(batches, 1, 1)
return batches
