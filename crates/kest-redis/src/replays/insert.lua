-- KEYS[1]: the fence of a shard. KEYS[2]: an identifier of that shard; absent to set the fence alone. KEYS[3]: what a
-- caller has used up of that shard in this window; absent for an identifier on nobody's account.
-- ARGV: now, skew, longest life (or "none": no fence), expiry of the identifier, all in milliseconds by the caller's
-- clock; whether the server may evict keys ("evict" or "keep"); the most identifiers of a caller, and how long they count.
--
-- An era is the time during which one primary serves without a restart: its replication id, which is made anew at every
-- start and at every promotion, and which the server tells here and now. Memory of another era is not trusted.
local replication = redis.call('INFO', 'replication', 'memory')
local era = string.match(replication, 'master_replid:(%x+)')
if not era then
  return redis.error_reply('KESTERA no replication id')
end
if not string.find(replication, 'role:master', 1, true) then
  return redis.error_reply('READONLY not a primary')
end
-- A server that was told to evict while it runs forgets identifiers, and does not say so.
if ARGV[5] ~= 'evict' and not string.find(replication, 'maxmemory_policy:noeviction', 1, true) then
  return redis.error_reply('KESTEVICT may evict')
end
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
  return answer .. 'ready'
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
if KEYS[3] then
  local own = tonumber(redis.call('GET', KEYS[3]) or 0)
  if own >= tonumber(ARGV[6]) then
    return answer .. 'crowded'
  end
  redis.call('SET', KEYS[3], own + 1, 'PX', ARGV[7])
end
redis.call('SET', KEYS[2], '', 'PX', string.format('%.0f', math.max(1, expiry - now + skew)))
return answer .. 'new'
