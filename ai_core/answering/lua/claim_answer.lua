-- Claim the writing of an answer, unless it is there already, or somebody else writes it.
-- KEYS: the answer, its claim. ARGV: a token of the claimant, the claim's lease (ms).
-- Returns the answer as it is stored; else 1 when it is claimed, 0 while somebody else writes it.
local stored = redis.call('GET', KEYS[1])
if stored then return stored end
return redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
