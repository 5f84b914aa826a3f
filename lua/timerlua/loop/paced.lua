-- Paced functions: called often, run seldom. A debounced function runs when its calls have
-- paused, a throttled function at most once in a period.
--
-- A call that finds no window open opens one. A debounced function's window ends when calls
-- have paused for `quiet`, or `most` after the latest run; a throttled function's window
-- ends `most` after the latest run. The leading edge runs the call that opens the window,
-- the trailing edge the latest call of the window. A call only notes its time: the timer
-- that waits for the window's end looks at the times when it fires, and waits again if the
-- end has moved. So there is a timer only while a call waits for its run.
local ffi = require "ffi"
local clear = require "table.clear"
local new_table = require "table.new"
local core = require "timerlua.core.ffi"
local anchors = require "timerlua.core.anchors"
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local duration = require "timerlua.core.duration"
local errors = require "timerlua.core.errors"
local misuse = require "timerlua.core.misuse"
local rethrow = require "timerlua.task.rethrow"
local suggest = require "timerlua.core.suggest"
local timer = require "timerlua.loop.timer"

local C, loop = core.C, core.loop
local MONOTONIC = C.TL_MONOTONIC
local select, unpack = select, unpack
local MOST_ARGUMENTS = anchors.MOST_ARGUMENTS

-- Instants and lengths in nanoseconds: `last` is the latest call, `since` the latest run or
-- the opening of the window. Differences are unsigned, so an instant later than now, which
-- the end of virtual time leaves behind, counts as long ago.
local new_window = ffi.typeof "struct { uint64_t last, since, quiet, most; bool open; }"
local NEVER = 0xffffffffffffffffULL

--- @class timerlua.Paced a function that tl.debounce or tl.throttle has made: call it like
---   the function it was made from. A call returns true if a run has served it or is going
---   to; false if it is dropped, which happens only without the trailing edge; or nil, a
---   message and "ENOMEM" or "ELIMIT" if no timer can be had, as for tl.after
--- @since 0.1
--- @field pending boolean whether a call waits for its run; read-only
--- @field name string? yours to set; reports and lists show it
local Paced = {}
Paced.__index = Paced
suggest.methods(Paced, "paced", { stop = "cancel", clear = "cancel", reset = "cancel",
  close = "cancel", run = "flush", trigger = "flush" })

-- The callback of the timer; a function made for each object would keep it alive.
local Look = {}
callable.stand_ins(Paced, "fn")
callable.stand_ins(Look, "fn")

function Paced.__tostring(self)
  return ("timerlua.Paced: %s (%s)%s"):format(self.where, callable.site(self.fn) or "?",
    self.pending and ", pending" or "")
end

-- ---------------------------------------------------------------------------
-- windows

local function now_ns()
  return C.tl_now_ns(loop, MONOTONIC)
end

local function is_over(window, now)
  return not window.open or now - window.last >= window.quiet
    or now - window.since >= window.most
end

-- Nanoseconds until the end.
local function rest_of(window, now)
  if is_over(window, now) then return 0ULL end
  local quiet = window.quiet - (now - window.last)
  local most = window.most - (now - window.since)
  return quiet < most and quiet or most
end

-- ---------------------------------------------------------------------------
-- arguments

local function keep_more(args, i, n, a, b, c, d, e, f, g, h, ...)
  args[i], args[i + 1], args[i + 2], args[i + 3] = a, b, c, d
  args[i + 4], args[i + 5], args[i + 6], args[i + 7] = e, f, g, h
  if n > 8 then return keep_more(args, i + 8, n - 8, ...) end
end

local function keep_many(self, n, ...)
  if n > MOST_ARGUMENTS then
    misuse.got(self.where, ("arguments must be at most %d"):format(MOST_ARGUMENTS), n)
  end
  self.n = n
  keep_more(self.args, 1, n, ...)
end

-- Keep the arguments of the latest call, in a table that is used again.
local function keep(self, n, a, b, c, d, ...)
  if n > 4 then return keep_many(self, n, a, b, c, d, ...) end
  local args = self.args
  self.n = n
  args[1], args[2], args[3], args[4] = a, b, c, d
end

-- ---------------------------------------------------------------------------
-- runs

-- A run that waits: `busy` in a caller, or as the callback of the timer.
local function is_running(self)
  return self.busy or (self.timer ~= nil and self.timer.running)
end

-- Have the loop look at the end of the window. While a run waits in a timer's callback, that
-- timer is used, since its callback is not called again before it is over; while a run waits
-- in a caller, the end of that run arms the timer.
local function arm(self, now)
  self.pending = true
  if self.busy then return true end
  local rest, t = rest_of(self.window, now), self.timer
  local armed, message, code
  if t and t.running then
    armed, message, code = t:reset(rest)
  else
    armed, message, code = timer.after(rest, self.look)
    if armed then self.timer, armed.name = armed, self.name end
  end
  if armed then return true end
  self.pending = false
  clear(self.args)
  return nil, ("%s: %s"):format(self.where, message), code
end

-- The same where there is no caller to tell.
local function arm_again(self, now)
  local armed, message = arm(self, now)
  if armed then return end
  errors.report(message, "", { kind = "timer", name = self.name, site = callable.site(self.fn) })
end

-- No call waits any more; its arguments are released.
local function settle(self)
  self.pending = false
  clear(self.args)
  if self.timer then self.timer:cancel() end
end

local function finish(self, ok, ...)
  self.busy = false
  if self.pending then arm_again(self, now_ns()) end
  if not ok then rethrow.raise(...) end
  return true
end

-- Run in the caller.
local function run_here(self, now, ...)
  local window = self.window
  window.since, window.open = now, true
  if self.pending then settle(self) end
  self.busy = true
  return finish(self, rethrow.call(self.fn, ...))
end

-- Run in the loop.
local function run_there(self, now, ...)
  self.window.since, self.window.open = now, true
  self.pending = false
  clear(self.args)
  self.fn(...)
end

function Look.__call(look)
  local self, now = look.paced, now_ns()
  if not is_over(self.window, now) then return arm_again(self, now) end
  return run_there(self, now, unpack(self.args, 1, self.n))
end

function Paced.__call(self, ...)
  local window, now = self.window, now_ns()
  local opens = is_over(window, now)
  window.last = now
  if opens then
    if self.leading then
      if not is_running(self) then return run_here(self, now, ...) end
    elseif not self.pending then
      window.since, window.open = now, true
    end
  end
  if not self.trailing then return false end
  keep(self, select("#", ...), ...)
  if self.pending then return true end
  return arm(self, now)
end

-- ---------------------------------------------------------------------------
-- methods

local check_self = check.self_of(Paced, "paced",
  "a function that tl.debounce or tl.throttle returned")

--- Forget the call that waits, and begin anew: the next call counts as the first one. A run
--- that has begun goes on.
--- @return boolean cancelled false if no call waited
function Paced:cancel()
  check_self(self, "cancel")
  local pending = self.pending
  if pending then settle(self) end
  self.window.open = false
  return pending
end

--- Run the call that waits now, in the caller, which gets its errors. While another run still
--- waits, this one begins in the loop as soon as that one is over.
--- @return boolean? flushed false if no call waited
--- @return string? message
--- @return string? code "ENOMEM" while another run waits
--- Raises the error of the function.
function Paced:flush()
  check_self(self, "flush")
  if not self.pending then return false end
  if not is_running(self) then
    return run_here(self, now_ns(), unpack(self.args, 1, self.n))
  end
  self.window.open = false
  return arm(self, now_ns())
end

-- ---------------------------------------------------------------------------
-- making

local paced = {}

local DEBOUNCE = check.names "leading trailing max_wait"
local THROTTLE = check.names "leading trailing"

local function edge(where, options, name, default)
  if options[name] == nil then return default end
  return check.boolean(where, name, options[name])
end

local function new(where, fn, options, leads, quiet, most)
  callable.check(where, "fn", fn)
  local leading = edge(where, options, "leading", leads)
  local trailing = edge(where, options, "trailing", true)
  if not (leading or trailing) then
    misuse.raise(where, "leading and trailing must not both be false: fn would never run")
  end
  local self = setmetatable({ where = where, fn = fn, leading = leading, trailing = trailing,
    window = new_window(0, 0, quiet, most, false), pending = false, busy = false,
    args = new_table(8, 0), n = 0, timer = nil, look = nil, name = nil }, Paced)
  self.look = setmetatable({ paced = self, fn = fn }, Look)
  return self
end

--- @class timerlua.DebounceOptions
--- @since 0.1
--- @field leading? boolean run the first call of a burst at once, in the caller; default false
--- @field trailing? boolean run the latest call when the burst is over; default true. With
---   both edges, a burst of one call runs once
--- @field max_wait? timerlua.Duration at least the delay: the longest that a call waits for
---   its run while the burst goes on, also the time between runs then; default: no limit

--- Make a function that may be called often, and calls `fn` once for each burst of calls,
--- with the arguments of the latest call. A burst ends when no call has come for `delay`.
--- Runs do not overlap: while one waits, the next is held until that one is over.
--- Cost: a reading of the clock for each call; a timer is armed at most once in `delay`.
--- @param delay timerlua.Duration 0 runs on the next turn of the loop
--- @param fn fun(...) gets the arguments of the call, and no timer; may wait. Its errors go
---   to the caller on the leading edge, otherwise where those of timers go
--- @param options? timerlua.DebounceOptions
--- @return timerlua.Paced debounced
function paced.debounce(delay, fn, options)
  local quiet, most = duration.to_ns("debounce", "delay", delay), NEVER
  options = check.options("debounce", options, DEBOUNCE, "options")
  if options.max_wait ~= nil then
    most = duration.to_ns("debounce", "max_wait", options.max_wait)
    if most < quiet then
      misuse.got("debounce", "max_wait must be at least the delay", options.max_wait)
    end
  end
  return new("debounce", fn, options, false, quiet, most)
end

--- @class timerlua.ThrottleOptions
--- @since 0.1
--- @field leading? boolean run a call at once, in the caller, if the last run was `period` ago;
---   default true
--- @field trailing? boolean run the latest of the other calls at the end of the period;
---   default true. With both edges, a single call runs once

--- Make a function that may be called often, and calls `fn` at most once in `period`, with
--- the arguments of the latest call. Runs do not overlap: while one waits, the next is held
--- until that one is over.
--- Cost: a reading of the clock for each call; a timer is armed at most once in `period`.
--- @param period timerlua.Duration
--- @param fn fun(...) gets the arguments of the call, and no timer; may wait. Its errors go
---   to the caller on the leading edge, otherwise where those of timers go
--- @param options? timerlua.ThrottleOptions
--- @return timerlua.Paced throttled
function paced.throttle(period, fn, options)
  local most = duration.to_ns("throttle", "period", period)
  options = check.options("throttle", options, THROTTLE, "options")
  return new("throttle", fn, options, true, NEVER, most)
end

return paced
