-- The yardstick of the Lua peers: memory, random draws, distinct functions,
-- a pipe, lateness. Twin of measure.h; the two must agree on every number.

local ffi = require "ffi"

ffi.cdef [[
int pipe(int ends[2]);
ssize_t write(int fd, const void *bytes, size_t count);
]]

local latest_us = 1000000 -- T5: anything later counts as this late

local measure = {
  million = 1000000,
  live = 100000,    -- T3: timers to choose from
  periodic = 1000,  -- T5: timers on the grid
  grid_seconds = tonumber(os.getenv("GRID_SECONDS") or 5), -- T5: how long
  sleepers = 100000, -- TASKS: asleep at once
  spawns = 2000,     -- P1: programs in all
  spawned_at_once = 32, -- P1: running at once
  pumped_bytes = 100000000, -- P2
  piece_bytes = 65536, -- P2
}

function measure.rss()
  for line in io.lines("/proc/self/status") do
    local kib = line:match("^VmRSS:%s+(%d+) kB")
    if kib then return kib * 1024 end
  end
end

function measure.put(key, value)
  print(("%s %.6g"):format(key, value))
end

-- T4: turns between the byte and its reader; no reader means starvation.
function measure.put_served(turns)
  if turns then measure.put("served_turns", turns)
  else print("served_turns never") end
end

-- Fractions of 1. The product stays below 2^53, so doubles do it exactly.
function measure.draws(count)
  local fractions, x = ffi.new("double[?]", count), 1
  for i = 0, count - 1 do
    x = (x * 1664525 + 1013904223) % 2^32
    fractions[i] = x / 2^32
  end
  return fractions
end

-- T2s: the same span as draws, in rising order.
function measure.ramp(count)
  local fractions = ffi.new("double[?]", count)
  for i = 0, count - 1 do fractions[i] = i / count end
  return fractions
end

-- T1: the order of cancelling, indices from 0. Not that of arming, which no
-- program keeps to and which would find every timer already in the cache.
function measure.shuffle(fractions, count)
  local order = ffi.new("int32_t[?]", count)
  for i = 0, count - 1 do
    local other = math.floor(fractions[i] * (i + 1))
    order[i] = order[other]
    order[other] = i
  end
  return order
end

-- Room for count entries, so that growing the table is not part of a timing.
function measure.array(count)
  return require "table.new"(count, 0)
end

-- Each from its own source, because closures of one prototype share their
-- compiled code and would hide what many different callbacks cost.
function measure.functions(count, state)
  local list = {}
  for i = 1, count do
    local source = [[
      local state = ...
      return function() state.fired = state.fired + 1; state.last = %d end
    ]]
    list[i] = assert(loadstring(source:format(i)))(state)
  end
  return list
end

-- A read end, and a function that makes it readable.
function measure.pipe()
  local ends = ffi.new("int[2]")
  assert(ffi.C.pipe(ends) == 0, "pipe failed")
  return ends[0], function()
    assert(ffi.C.write(ends[1], "!", 1) == 1, "write to pipe failed")
  end
end

-- T5: periods spread evenly from 5 to 20 ms, so that few instants coincide.
function measure.period_us(i)
  return 5000 + 15 * i
end

local lateness = {}
lateness.__index = lateness

function measure.lateness()
  local at_us = ffi.new("uint32_t[?]", latest_us + 1)
  return setmetatable({ count = 0, early = 0, at_us = at_us }, lateness)
end

function lateness:add(late_us)
  self.count = self.count + 1
  if late_us < 0 then
    self.early = self.early + 1
    late_us = 0
  end
  local at = math.min(math.floor(late_us), latest_us)
  self.at_us[at] = self.at_us[at] + 1
end

function lateness:quantile(fraction)
  local left = fraction * self.count
  for us = 0, latest_us do
    left = left - self.at_us[us]
    if left <= 0 then return us end
  end
end

function lateness:put(cpu_seconds)
  measure.put("p50_us", self:quantile(0.50))
  measure.put("p99_us", self:quantile(0.99))
  measure.put("cpu_s", cpu_seconds)
  measure.put("early", self.early)
  measure.put("ticks", self.count)
end

return measure
