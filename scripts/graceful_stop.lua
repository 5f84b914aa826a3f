#!/usr/bin/env timerlua
-- Ending in good order: what tl.on("stop") handlers do when the script is told
-- to stop, by tl.stop or by Ctrl-C (SIGINT, SIGTERM).
-- Run: timerlua scripts/graceful_stop.lua; ends by itself after half a second.
local tl = require "timerlua"

local done, accepting = 0, true

-- Handlers run once, may wait, and have five seconds in all.
tl.on("stop", function(reason)
  print("stopping: " .. reason)
  accepting = false
  tl.sleep(0.15) -- everything else goes on meanwhile
  print("stopped after " .. done .. " jobs")
end)

tl.every(0.1, function(timer)
  if not accepting then return timer:cancel() end
  tl.sleep(0.05) -- a callback may wait, too
  done = done + 1
  print("job " .. done .. " is done")
end)

tl.after(0.32, function() tl.stop() end)
