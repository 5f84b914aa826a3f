#!/usr/bin/env timerlua
-- A day of one-second ticks in virtual time: the clock jumps from deadline to
-- deadline instead of waiting, so the day takes a fraction of a second.
-- Run: timerlua scripts/virtual_day.lua; ends by itself at once.
local tl = require "timerlua"

tl.clock.virtual { start = "2030-06-01T00:00:00Z" }

local ticks, missed = 0, 0
local second = tl.every(1, function(timer)
  ticks = ticks + 1
  missed = missed + timer.missed
end)

tl.every("6h", function(timer)
  tl.sleep(0) -- let the tick of this very second run first
  print(("%s  %5d ticks so far"):format(os.date("!%H:%M", tl.time()), ticks))
  if timer.runs == 3 then timer:cancel() end
end)

local function uptime() return io.open("/proc/uptime"):read("*n") end -- real seconds
local began = uptime()
tl.sleep("1d")
tl.sleep(0)
second:cancel()
print(("%s  %5d ticks, %d missed"):format(os.date("!%H:%M", tl.time()), ticks, missed))
print(("the day took %s than a minute"):format(uptime() - began < 60 and "less" or "more"))
