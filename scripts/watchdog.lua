#!/usr/bin/env timerlua
-- A watchdog: a timer that activity postpones, and that runs when there was no
-- activity for 0.2 s. Re-arming a timer is cheap, so do it as often as you like.
-- Run: timerlua scripts/watchdog.lua; ends by itself after 0.7 s.
local tl = require "timerlua"

local start = tl.now()
local function say(text)
  print(("%.2f s  %s"):format(tl.now() - start, text))
end

local watchdog = tl.after(0.2, function()
  say("watchdog: nothing happened for 0.2 s")
end)

-- A worker that becomes slower and slower.
for _, pause in ipairs { 0.1, 0.1, 0.1, 0.1, 0.3 } do
  tl.sleep(pause)
  if watchdog.active then
    watchdog:reset() -- its own delay again, from now
    say("worker: still alive")
  else
    say("worker: too late")
  end
end
