#!/usr/bin/env timerlua
-- Three kinds of timers. Run: timerlua scripts/hello.lua; ends by itself.
local tl = require "timerlua"

tl.after(0.35, function() print("once, after 0.35 s") end)

tl.every(0.1, function(timer)
  print(("tick %d, %.1f s after the start"):format(timer.runs, timer.runs * 0.1))
  if timer.runs == 5 then timer:cancel() end
end)

tl.sleep(0.25)
print("the main chunk slept 0.25 s while the timer ticked")
