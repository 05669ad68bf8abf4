-- Keep sealed frames of an answer that is being written, put off its end, look who reads or stops it.
-- KEYS: the frames, the claim, who reads, who stops. ARGV: batches kept so far, ms to live, a batch or ''.
-- Returns {batches kept, 1 when read elsewhere, 1 when stopped}; kept is -1 and nothing is added when
-- Redis holds another number of batches: what it had is gone, or a batch arrived whose reply did not.
local held = redis.call('LLEN', KEYS[1])
if held ~= tonumber(ARGV[1]) then
  redis.call('DEL', KEYS[1])
  held = -1
elseif ARGV[3] ~= '' then
  held = redis.call('RPUSH', KEYS[1], ARGV[3])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
return {held, redis.call('EXISTS', KEYS[3]), redis.call('EXISTS', KEYS[4])}
