-- One visit in one round trip: may the caller enter, is the answer known, did the keys change?
-- KEYS: version of the keys, used, open [, answer]
-- ARGV: visit, lease (ms), concurrent limit, visits open in the asking process,
--       then limit, cost, floor of each window (requests a minute, tokens a minute, tokens a day).
--       A limit of 0 is none. A floor is what the asking process knows to be used already.
-- Returns: version, answer, refusal (0 none, 1-3 the window, 4 concurrency), wait (ms),
--          what is left of each window (-1: no limit), the slots the tokens were counted in.
-- A window is a ring of slots: used[name:at] the newest slot, used[name:sum] the total,
-- used[name<slot modulo>] each slot. One slot more than the window has, so that no span as long
-- as the window ever holds more than the limit.
local WINDOWS = {{'r', 1000, 60}, {'t', 1000, 60}, {'d', 900000, 96}}
local BUSY_WAIT_MS = 1000

local used, open = KEYS[2], KEYS[3]
local visit, lease, concurrent, here = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function roll(window, floor)
  local name, width, slots = unpack(window)
  local slot = math.floor(now / width)
  local seen = redis.call('HMGET', used, name .. ':at', name .. ':sum')
  local at, sum = tonumber(seen[1] or slot), tonumber(seen[2] or 0)
  if at > slot then  -- the clock was set back
    slot = at
  end
  for past = math.max(at + 1, slot - slots), slot do
    local field = name .. past % (slots + 1)
    local gone = redis.call('HGET', used, field)
    if gone then
      sum = sum - gone
      redis.call('HDEL', used, field)
    end
  end
  if floor > sum then
    redis.call('HINCRBY', used, name .. slot % (slots + 1), floor - sum)
    sum = floor
  end
  return slot, sum
end

local function wait(window, slot, excess)
  local name, width, slots = unpack(window)
  for past = slot - slots, slot do
    excess = excess - (redis.call('HGET', used, name .. past % (slots + 1)) or 0)
    if excess <= 0 then
      return (past + slots + 1) * width - now
    end
  end
  return width
end

local reply = {redis.call('GET', KEYS[1]), false, 0, 0, -1, -1, -1, 0, 0}
if KEYS[4] then
  reply[2] = redis.call('GET', KEYS[4])
end

local counted, longest = {}, 0
for place, window in ipairs(WINDOWS) do
  local limit = tonumber(ARGV[2 + 3 * place])
  if limit > 0 then
    local cost = tonumber(ARGV[3 + 3 * place])
    if reply[2] and place > 1 then  -- a known answer takes no tokens
      cost = 0
    end
    cost = math.min(cost, limit)
    local slot, sum = roll(window, tonumber(ARGV[4 + 3 * place]))
    redis.call('HSET', used, window[1] .. ':at', slot, window[1] .. ':sum', sum)
    longest = math.max(longest, window[2] * (window[3] + 1))
    counted[place] = {window, slot, cost}
    reply[4 + place] = math.max(limit - sum, 0)
    if cost > 0 and sum + cost > limit then
      local needed = wait(window, slot, sum + cost - limit)
      if needed > reply[4] then
        reply[3], reply[4] = place, needed
      end
    end
  end
end
if concurrent > 0 and not reply[2] then
  redis.call('ZREMRANGEBYSCORE', open, '-inf', now)
  if math.max(redis.call('ZCARD', open), here) >= concurrent and reply[3] == 0 then
    reply[3] = 4
    reply[4] = BUSY_WAIT_MS
  end
end
if longest > 0 then
  redis.call('PEXPIRE', used, longest)
end
if reply[3] > 0 then
  return reply
end

for place, count in pairs(counted) do
  local window, slot, cost = unpack(count)
  if cost > 0 then
    redis.call('HINCRBY', used, window[1] .. slot % (window[3] + 1), cost)
    redis.call('HINCRBY', used, window[1] .. ':sum', cost)
    reply[4 + place] = reply[4 + place] - cost
  end
  if place > 1 then
    reply[6 + place] = slot
  end
end
if concurrent > 0 and not reply[2] then
  redis.call('ZADD', open, now + lease, visit)
  redis.call('PEXPIRE', open, lease)
end
return reply
