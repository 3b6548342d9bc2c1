-- KEYS[1]: the fence of a shard. KEYS[2]: an identifier of that shard; absent to set the fence alone. KEYS[3]: what was seen
-- of the server's memory a moment ago. KEYS[4], KEYS[5]: how many a caller has brought to that shard in this window and in
-- the one before; absent for an identifier on no account.
-- ARGV: now, skew, longest life (or "none": no fence), expiry of the identifier, all in milliseconds by the caller's
-- clock; whether the server may evict keys ("evict" or "keep"); the most identifiers of a caller, or "room"; over how many
-- servers they are spread; how long a window lasts and how much of this one is over, in milliseconds.
--
-- An era is the time during which one primary serves without a restart: its replication id, which is made anew at every
-- start and at every promotion, and which the server tells here and now. Memory of another era is not trusted.
local replication = redis.call('INFO', 'replication')
local era = string.match(replication, 'master_replid:(%x+)')
if not era then
  return redis.error_reply('KESTERA no replication id')
end
if not string.find(replication, 'role:master', 1, true) then
  return redis.error_reply('READONLY not a primary')
end
-- A server that was told to evict while it runs forgets identifiers, and does not say so. Gives how many identifiers of
-- one caller have room in one of 64 shards, by what each takes with its key and its part of the tables; or nothing.
local function room()
  local memory = redis.call('INFO', 'memory')
  if ARGV[5] == 'evict' or string.find(memory, 'maxmemory_policy:noeviction', 1, true) then
    return part_of_room(memory, ARGV[5] == 'evict') * tonumber(ARGV[7]) / (64 * 220)
  end
end
local evicts = redis.error_reply('KESTEVICT may evict')
local now, skew, life = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local answer = ''
local fence = redis.call('GET', KEYS[1]) or ''
local known, from = string.match(fence, '^(%x+) (%d+)$')
from = tonumber(from or 0)
if known ~= era then
  from = math.max(from, now + skew)
  redis.call('SET', KEYS[1], era .. ' ' .. string.format('%.0f', from))
  answer = 'fenced '
end
if not KEYS[2] then
  return room() and answer .. 'ready' or evicts
end
local expiry = tonumber(ARGV[4])
if redis.call('EXISTS', KEYS[2]) == 1 then
  return answer .. 'seen'
end
-- Nobody accepts an identifier earlier than its longest life before its expiry. If that is after the fence, whoever
-- accepted it did so within this memory.
if life and expiry <= from + life then
  return answer .. 'forgotten'
end
-- The server's word on its memory costs as much as all the rest, and serves for a tenth of a second.
local most = tonumber(redis.call('GET', KEYS[3]))
if not most then
  most = room()
  if not most then
    return evicts
  end
  redis.call('SET', KEYS[3], string.format('%.0f', most), 'PX', 100)
end
if KEYS[4] then
  local window = tonumber(ARGV[8])
  local own, all = brought(KEYS[4], KEYS[5], tonumber(ARGV[9]) / window)
  -- Who holds nothing may take what there is.
  if ARGV[6] == 'room' and all == 0 then
    most = 1
  end
  if all + 1 > (tonumber(ARGV[6]) or most) then
    return answer .. 'crowded'
  end
  remember(KEYS[4], own + 1, window)
end
redis.call('SET', KEYS[2], '', 'PX', string.format('%.0f', math.max(1, expiry - now + skew)))
return answer .. 'new'
