-- KEYS[1]: what a caller has put in this window. ARGV: bytes more, the most, and for how long they count in milliseconds.
local own = tonumber(redis.call('GET', KEYS[1]) or 0) + tonumber(ARGV[1])
if own > tonumber(ARGV[2]) then
  return 0
end
redis.call('SET', KEYS[1], string.format('%.0f', own), 'PX', ARGV[3])
return 1
