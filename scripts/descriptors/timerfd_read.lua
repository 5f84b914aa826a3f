#!/usr/bin/env timerlua
-- A timer descriptor that is read: it expires twice a second, first after one
-- second, four times in all. The kernel's own timer, set and read as Python's
-- os.timerfd_settime and os.read do it.
-- With tl there is no descriptor, and nothing to read or close:
--   tl.timer { first = 1, every = 0.5, limit = 4, fn = function() print "Timer expired" end }
-- Run: timerlua scripts/descriptors/timerfd_read.lua; ends by itself after 2.5 s.
local tl = require "timerlua"
local timerfd = require "timerlua.timerfd"

local start = tl.now()
local timer = assert(timerfd.create(timerfd.CLOCK_REALTIME))
assert(timer:settime { initial = 1, interval = 0.5 })

-- A read waits until the timer has expired. This is a task, so that others and
-- callbacks go on meanwhile; in a plain luajit it blocks, as Python's does.
local blinking = tl.every(0.25, function() io.write(".") io.flush() end)
for _ = 1, 4 do
  local expirations = assert(timer:read())
  print(("Timer expired: %d time at %.1f s"):format(expirations, tl.now() - start))
end

blinking:cancel()
timer:close()
