-- KEYS[1], KEYS[2]: what a caller has put in this window and in the one before.
-- ARGV: bytes that it puts now; the most of its claims that may be alive, or "room"; whether the server may evict keys
-- ("evict" or "keep"); over how many servers claims are spread; how long a window lasts and how much of it is over, in
-- milliseconds.
--
-- Returns how many bytes the caller may put, this time and next times, which are counted now; 0 for none. A part of them is
-- in advance while it holds less than half of what it may: of a hundred puts that are within bounds, few ask.
local need, most, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[5])
local own, all = brought(KEYS[1], KEYS[2], tonumber(ARGV[6]) / window)
if not most then
  most = part_of_room(redis.call('INFO', 'memory'), ARGV[3] == 'evict') * tonumber(ARGV[4])
  -- Who holds nothing may take what there is.
  if all == 0 then
    most = math.max(most, need)
  end
end
if all + need > most then
  return 0
end
local granted = need
if all < most / 2 then
  granted = math.max(need, math.floor(math.min(most / 64, most - all)))
end
remember(KEYS[1], own + granted, window)
return granted
