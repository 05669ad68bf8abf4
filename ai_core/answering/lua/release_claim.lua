-- Give a claim back, unless its lease has ended and it is somebody else's now.
-- KEYS: the claim. ARGV: the token of the claimant.
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
