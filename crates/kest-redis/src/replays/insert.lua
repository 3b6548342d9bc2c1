-- KEYS[1]: the fence of a shard. KEYS[2]: an identifier of that shard; absent to set the fence alone.
-- ARGV: now, skew, longest life (or "none": no fence), expiry of the identifier; milliseconds, by the caller's clock.
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
redis.call('SET', KEYS[2], '', 'PX', string.format('%.0f', math.max(1, expiry - now + skew)))
return answer .. 'new'
