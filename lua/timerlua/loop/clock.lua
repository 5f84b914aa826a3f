-- Time as the runtime sees it: readings, and virtual time for tests.
local core = require "timerlua.core.ffi"
local dispatcher = core.dispatcher
local check = require "timerlua.core.check"
local duration = require "timerlua.core.duration"
local errors = require "timerlua.core.errors"
local instant = require "timerlua.core.instant"
local misuse = require "timerlua.core.misuse"
local task = require "timerlua.task.task"

local C, loop = core.C, core.loop
local MONOTONIC, REALTIME, BOOTTIME = C.TL_MONOTONIC, C.TL_REALTIME, C.TL_BOOTTIME

--- @class timerlua.Clock the table `tl.clock`: clocks, and virtual time for tests
--- @since 0.1
local clock = {}

--- Read the monotonic time: CLOCK_MONOTONIC, clock_gettime(2).
--- @return number seconds
function clock.now()
  return C.tl_now(loop, MONOTONIC)
end

--- Read the wall clock: CLOCK_REALTIME, clock_gettime(2).
--- @return number seconds since 1970
function clock.time()
  return C.tl_now(loop, REALTIME)
end

--- Read the time since the machine was booted, including suspended time: CLOCK_BOOTTIME,
--- clock_gettime(2).
--- @return number seconds
function clock.boottime()
  return C.tl_now(loop, BOOTTIME)
end

local VIRTUAL = check.names "start"

-- The clock is also that of the C timers of a program that embeds the runtime.
local function check_ours(method)
  local host = dispatcher.host
  if host and not host.virtual_clock then
    misuse.raise("clock." .. method, "this program's own timers follow the clock, and it "
      .. "did not ask for virtual time (TL_VIRTUAL_CLOCK)")
  end
end

--- Make time virtual: it stands still while code runs, and jumps to the next deadline when
--- there is nothing else to do. Timers keep the rest of their wait.
--- @param options? table `start`, an Instant: the wall clock's first reading; default: the
---   current time
--- @return timerlua.Clock clock `tl.clock`
--- Raises in a program that embeds the runtime without TL_VIRTUAL_CLOCK.
function clock.virtual(options)
  options = check.options("clock.virtual", options, VIRTUAL, "options")
  check_ours("virtual")
  local start = -1LL
  if options.start ~= nil then
    start = instant.to_ns("clock.virtual", "start", options.start)
  end
  C.tl_clock_virtual(loop, start)
  return clock
end

--- Make time real again.
--- @return timerlua.Clock clock `tl.clock`
--- Raises while timers wait on virtual time, and where a program that embeds the runtime has
--- made time virtual.
function clock.real()
  if dispatcher.host and clock.is_virtual() then
    misuse.raise("clock.real", "this program made time virtual (TL_VIRTUAL_CLOCK)")
  end
  if C.tl_clock_real(loop) ~= 0 then
    misuse.raise("clock.real", "timers still wait on virtual time")
  end
  return clock
end

--- Return whether time is virtual.
--- @return boolean
function clock.is_virtual()
  return C.tl_clock_is_virtual(loop) ~= 0
end

local function must_be_virtual(method)
  if not clock.is_virtual() then
    misuse.raise("clock:" .. method, "only virtual time can be moved; call "
      .. "tl.clock.virtual() or use --virtual-time")
  end
end

-- Turns after arriving, so that the consequences of the last ticks are handled too;
-- bounded, because a timer may re-arm itself with no delay forever.
local SETTLING_TURNS = 100

--- Let `delay` pass in virtual time: everything due until then runs, each at its own instant.
--- @param delay timerlua.Duration
--- @return timerlua.Clock clock `tl.clock`
--- Raises when time is not virtual.
function clock:advance(delay)
  must_be_virtual("advance")
  local ns = duration.to_ns("clock:advance", "delay", delay)
  task.sleep(ns)
  for _ = 1, SETTLING_TURNS do
    if C.tl_loop_due(loop) == 0 then break end
    task.sleep(0)
  end
  return self
end

-- Report steps that no turn of the loop is going to report.
local function settle()
  if not dispatcher.is_running() then task.sleep(0) end
end

--- Step the virtual wall clock, as NTP or an operator does; the monotonic clock does not
--- change.
--- @param seconds number seconds, of either sign, at most 292 years
--- @return timerlua.Clock clock `tl.clock`
--- Raises when time is not virtual.
function clock:step_wall(seconds)
  must_be_virtual("step_wall")
  if type(seconds) ~= "number" or seconds ~= seconds
    or math.abs(seconds) > core.max_seconds then
    misuse.got("clock:step_wall", "seconds must be a number", seconds)
  end
  local ns = C.tl_seconds_to_ns(math.abs(seconds))
  C.tl_clock_step_wall(loop, seconds < 0 and -ns or ns)
  settle()
  return self
end

--- Let virtual time pass as on a suspended machine: the monotonic clock stands still, the
--- wall clock and boottime advance.
--- @param delay timerlua.Duration
--- @return timerlua.Clock clock `tl.clock`
--- Raises when time is not virtual.
function clock:suspend(delay)
  must_be_virtual("suspend")
  C.tl_clock_suspend(loop, duration.to_ns("clock:suspend", "delay", delay))
  settle()
  return self
end

--- Set how late a timer may be so that one sleep serves several timers; a lone timer is
--- never delayed.
--- @param slack? timerlua.Duration the new value; 0 is exact; default: no change. Initially
---   125 us
--- @return number seconds the value in force
function clock.slack(slack)
  if slack ~= nil then
    C.tl_loop_set_slack(loop, duration.to_ns("slack", "slack", slack))
  end
  return tonumber(C.tl_loop_slack_ns(loop)) / 1e9
end

core.hook("jump", function(seconds)
  errors.call_handlers("clock_jump", seconds)
end)

return clock
