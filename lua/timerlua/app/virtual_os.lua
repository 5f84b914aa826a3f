-- The functions of the os library that tell the time: virtual while the loop's time is.
local clock = require "timerlua.loop.clock"

local plain = { time = os.time, date = os.date, clock = os.clock }

local virtual_os = {}

local function now()
  return clock.is_virtual() and math.floor(clock.time()) or nil
end

-- The plain functions are called last, so that their errors have the caller's line.
local function time(fields)
  local seconds = fields == nil and now()
  if seconds then return seconds end
  return plain.time(fields)
end

local function date(format, seconds)
  return plain.date(format, seconds or now())
end

-- No code takes virtual time, so the processor's time passes with the clock.
local function processor()
  if clock.is_virtual() then return clock.now() end
  return plain.clock()
end

--- Have os.time, os.date and os.clock follow virtual time.
function virtual_os.follow()
  local theirs = _G.os
  theirs.time, theirs.date, theirs.clock = time, date, processor
end

return virtual_os
