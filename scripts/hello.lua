#!/usr/bin/env timerlua
-- Timers and the main chunk share one loop: a timer that ticks, one that runs
-- once, and straight-line code that sleeps meanwhile.
-- Run: timerlua scripts/hello.lua; ends by itself after half a second.
local tl = require "timerlua"

local start = tl.now()
local function say(text)
  print(("%.2f s  %s"):format(tl.now() - start, text))
end

tl.every(0.1, function(timer)
  say("tick " .. timer.runs)
  if timer.runs == 5 then timer:cancel() end
end)

tl.after("350ms", function() say("once, after 350 ms") end)

say("the main chunk goes to sleep")
tl.sleep(0.25)
say("the main chunk has slept; the timers ticked on")
