-- End a request: free its concurrency slot, and correct the tokens reserved to those spent.
-- KEYS: open requests, usage. ARGV: request id, then of each window: name, slot, difference.
redis.call('ZREM', KEYS[1], ARGV[1])
local stored = redis.call('GET', KEYS[2])
if stored and #ARGV > 1 then
  local usage = cmsgpack.unpack(stored)
  for at = 2, #ARGV, 3 do
    local used, slot = usage[ARGV[at]] or {}, tonumber(ARGV[at + 1])
    for place = 1, #used, 2 do
      if used[place] == slot then
        used[place + 1] = used[place + 1] + ARGV[at + 2]
      end
    end
  end
  redis.call('SET', KEYS[2], cmsgpack.pack(usage), 'KEEPTTL')
end
