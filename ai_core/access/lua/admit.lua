-- Admit one request in one round trip: rate limits, cached reply, version of the API keys.
-- The rule is that of sliding_window.py, which decides while Redis is lost; a test gives both the
-- same usage and compares what they decide.
-- KEYS: version of the keys, open requests, usage [, cached reply].
-- ARGV: request id, lease (ms), concurrent limit (0: none), open requests of the calling process,
--       then of each window: name, slot (ms), slots, limit, cost, total known to that process,
--       and what of it Redis was not told.
-- Returns: version, cached reply, time (ms), refused by ('': admitted), wait (ms), left of each.
-- Usage is MessagePack: {window = {slot, amount, slot, amount, …}}, oldest first.
local BUSY_WAIT_MS = 1000

local function add(used, slot, amount)
  if used[#used - 1] == slot then
    used[#used] = used[#used] + amount
  elseif amount > 0 then
    used[#used + 1] = slot
    used[#used + 1] = amount
  end
end

local id, lease_ms, concurrent, open_here = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local cached = KEYS[4] and redis.call('GET', KEYS[4]) or false
local stored = redis.call('GET', KEYS[3])
local usage = stored and cmsgpack.unpack(stored) or {}
local refused, wait_ms, kept_ms, charges, left = '', 0, 0, {}, {}

for at = 5, #ARGV, 7 do
  local name, slot_ms, slots = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local limit, cost, known = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local unheard = tonumber(ARGV[at + 6])
  local used, slot, total = usage[name] or {}, math.floor(now_ms / slot_ms), 0
  while used[1] and used[1] < slot - slots do
    table.remove(used, 1)
    table.remove(used, 1)
  end
  for place = 2, #used, 2 do
    total = total + used[place]
  end
  known = math.max(known, total + unheard)
  if known > total then
    add(used, slot, known - total)
    total = known
  end
  if cached and name ~= 'requests' then
    cost = 0
  end
  if cost > 0 and total + cost > limit then
    local excess, place = total + cost - limit, -1
    while excess > 0 do
      place = place + 2
      excess = excess - used[place + 1]
    end
    local needed_ms = (used[place] + slots + 1) * slot_ms - now_ms
    if needed_ms > wait_ms then
      refused, wait_ms = name, needed_ms
    end
  end
  usage[name], kept_ms = used, math.max(kept_ms, (slots + 1) * slot_ms)
  charges[#charges + 1], left[#left + 1] = {used, slot, cost}, math.max(limit - total, 0)
end

if concurrent > 0 and not cached then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now_ms)
  if refused == '' and math.max(redis.call('ZCARD', KEYS[2]), open_here) >= concurrent then
    refused, wait_ms = 'concurrent', BUSY_WAIT_MS
  end
  if refused == '' then
    redis.call('ZADD', KEYS[2], now_ms + lease_ms, id)
    redis.call('PEXPIRE', KEYS[2], lease_ms)
  end
end
if refused == '' then
  for place, charge in ipairs(charges) do
    local used, slot, cost = unpack(charge)
    add(used, slot, cost)
    left[place] = left[place] - cost
  end
end
if kept_ms > 0 then
  redis.call('SET', KEYS[3], cmsgpack.pack(usage), 'PX', kept_ms)
end
return {redis.call('GET', KEYS[1]), cached, now_ms, refused, wait_ms, unpack(left)}
