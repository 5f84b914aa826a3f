#!/usr/bin/env timerlua
-- Calls a function twice a second, first after one second, four times in all.
-- Run: timerlua scripts/twice_a_second.lua; ends by itself after 2.5 s.
local tl = require "timerlua"

local start = tl.now()

local function expired(timer)
  print(("timer expired at %.1f s (run %d, %.0f us late)"):format(
    timer.due - start, timer.runs, timer.late * 1e6))
end

-- `first` is when the first call is due; the others lie half a second apart
-- from there. After `limit` calls the timer is gone, and so is the script.
tl.timer { every = 0.5, first = 1, limit = 4, fn = expired }
