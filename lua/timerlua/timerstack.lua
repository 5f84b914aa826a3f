-- The names of the Python module timerstack: timer descriptors as plain numbers, made and
-- set by three functions. timerfd.read(fd) and timerfd.close(fd) read and close them, as
-- os.read and os.close do in Python.
local timerfd = require "timerlua.timerfd"

--- @class timerlua.timerstack Timer descriptors as plain numbers, with the names of the Python
---   module timerstack.
--- @since 0.1
local timerstack = {
  CLOCK_REALTIME = timerfd.CLOCK_REALTIME,
  CLOCK_MONOTONIC = timerfd.CLOCK_MONOTONIC,
  CLOCK_BOOTTIME = timerfd.CLOCK_BOOTTIME,
  CLOCK_REALTIME_ALARM = timerfd.CLOCK_REALTIME_ALARM,
  CLOCK_BOOTTIME_ALARM = timerfd.CLOCK_BOOTTIME_ALARM,
}

--- Make a timer descriptor; the timer is stopped.
--- @param clock integer CLOCK_REALTIME, CLOCK_MONOTONIC ...
--- @param flags integer|table|nil as for timerfd.create
--- @return integer? fd the caller's to close, by timerfd.close(fd)
--- @return string? message
--- @return string? code as for timerfd.create
function timerstack.create(clock, flags)
  local timer, message, code = timerfd.create(clock, flags)
  if not timer then return nil, message, code end
  return timer:detach()
end

--- Set a timer as timerfd.settime does: `settime(fd, 0, 10, 0)` once in 10 s,
--- `settime(fd, 0, 5, 5)` every 5 s, `settime(fd, 0, 0, 0)` stops it.
timerstack.settime = timerfd.settime

--- Return the time left and the interval, in seconds, as timerfd.gettime does.
timerstack.gettime = timerfd.gettime

return timerstack
