-- The most that one caller may hold of this server's memory, in bytes, by the rule for the memory of a process: a third
-- of what is free, so that one caller alone gets a quarter. `maxmemory` is all there is, or the machine's where it is not
-- set. A server that evicts is full most of the time, and the quarter is one of all then.
local function part_of_room(memory, evicts)
  -- Found as plain text first: a pattern that is tried at each place of the text costs more than the text itself.
  local function bytes(name)
    local _, last = string.find(memory, '\n' .. name .. ':', 1, true)
    return last and tonumber(string.match(memory, '^%d+', last + 1)) or 0
  end
  local all = bytes('maxmemory')
  if all == 0 then
    all = bytes('total_system_memory')
  end
  if evicts then
    return all / 4
  end
  return math.max(0, all - bytes('used_memory')) / 3
end

-- What a caller has brought in this window, and what is alive of all that it has. A window is as long as one thing lives:
-- of the one before, the part counts that has not passed yet, as if it had come evenly.
local function brought(now, before, over)
  local own = tonumber(redis.call('GET', now) or 0)
  return own, own + tonumber(redis.call('GET', before) or 0) * (1 - over)
end

-- Remembers what a caller has brought in this window until the next one has passed. By commands that a login needs anyway.
local function remember(now, own, window)
  redis.call('SET', now, string.format('%.0f', own), 'PX', string.format('%.0f', 2 * window))
end
