-- Timers. A timer is the object that its callback receives: 8 bytes of cdata that name a
-- handle of the core; the callback is anchored under that handle.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local anchors = require "timerlua.core.anchors"
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local duration = require "timerlua.core.duration"
local entries = require "timerlua.core.entries"
local errors = require "timerlua.core.errors"
local instant = require "timerlua.core.instant"
local kinds = require "timerlua.core.kinds"
local misuse = require "timerlua.core.misuse"
local suggest = require "timerlua.core.suggest"

local C, loop = core.C, core.loop
local set_anchor, bind = anchors.set, anchors.bind
local to_ns, to_positive_ns = duration.to_ns, duration.to_positive_ns
local is_seconds = duration.is_seconds
local type, select, istype = type, select, ffi.istype

local CLOCKS = { monotonic = C.TL_MONOTONIC, realtime = C.TL_REALTIME,
  boottime = C.TL_BOOTTIME }
local CLOCK_NAMES = {}
for name, number in entries(CLOCKS) do CLOCK_NAMES[number] = name end
local RECUR, CANCELLED, ENDED = C.TL_RECUR, C.TL_CANCELLED, C.TL_ENDED
local KIND = kinds[C.TL_TIMER]

local timer = {}

-- Constant fields: what a script writes there would be another handle's.
local new_timer = ffi.typeof "struct { const uint32_t slot, generation; }"
-- The core takes it for the tl_id that it is, and writes it once. A cast for each call
-- would cost 150 ns when it is interpreted.
local start_timer = ffi.cast(ffi.typeof(
  "int (*)(tl_loop *, $ *, int64_t, int64_t, int, int)", new_timer), C.tl_timer_start)
local start_after = ffi.cast(ffi.typeof("int (*)(tl_loop *, $ *, double)", new_timer),
  C.tl_timer_after)

--- @class timerlua.Timer
--- @since 0.1
--- @field due number? seconds on its clock: the time of the next run; in its own callback,
---   the time at which that run was due; while paused, the seconds left (on the wall clock,
---   the instant); nil once ended
--- @field late number? seconds from due to the start of the latest callback
--- @field missed integer? ticks skipped just before the latest callback
--- @field missed_total integer? ticks skipped so far
--- @field runs integer? callbacks begun so far
--- @field period number? seconds; nil for a one-shot
--- @field clock string? "monotonic", "realtime" or "boottime"
--- @field name string? yours to set; reports and lists show it
--- @field site string? "file:line" where its callback was defined
--- @field kind string "timer"
--- @field active boolean waiting to run
--- @field running boolean its callback has begun and is not over
--- @field paused boolean
local methods = {}

local names = setmetatable({}, { __mode = "k" })
local info = ffi.new("tl_handle_info")

local function info_of(t)
  if C.tl_handle_info_get(loop, t.slot, t.generation, info) ~= 0 then return nil end
  return info
end

-- ---------------------------------------------------------------------------
-- making

-- Start a timer. Its callback is bound first, so that nothing can fail once the timer is
-- started.
local function start(where, what, first, interval, options, absolute)
  local t = new_timer()
  local status = start_timer(loop, t, first, interval, options, absolute)
  if status ~= 0 then return errors.failed(where .. " timer", status) end
  set_anchor(t.slot, what, t)
  return t
end

local function after_any(delay, fn, ...)
  local ns = to_ns("after", "delay", delay)
  callable.check("after", "callback", fn)
  return start("after", bind(fn, ...), ns, ns, CLOCKS.monotonic, 0)
end

--- Call `callback` once, `delay` from now; never early.
--- Cost: O(1). Clock: CLOCK_MONOTONIC, timerfd_create(2).
--- @param delay timerlua.Duration 0 runs on the next turn of the loop
--- @param callback fun(timer: timerlua.Timer, ...) may wait
--- @param ... any passed to `callback` after the timer
--- @return timerlua.Timer? timer nil when memory runs out
--- @return string? message
--- @return string? code "ENOMEM"; "ELIMIT" in a host that limits handles
function timer.after(delay, callback, ...)
  if not is_seconds(delay) or type(callback) ~= "function" then
    return after_any(delay, callback, ...)
  end
  if select("#", ...) > 0 then callback = bind(callback, ...) end
  local t = new_timer()
  local status = start_after(loop, t, delay)
  if status ~= 0 then return errors.failed("after timer", status) end
  set_anchor(t.slot, callback, t)
  return t
end

--- Call `callback` every `period`: tick k is due at now + k * period, however
--- long callbacks take. Ticks that could not run are skipped and counted in
--- `timer.missed`, as are ticks that come while the callback still waits.
--- @param period timerlua.Duration more than 0
--- @param callback fun(timer: timerlua.Timer, ...) may wait
--- @param ... any passed to `callback` after the timer
--- @return timerlua.Timer? timer nil when memory runs out
--- @return string? message
--- @return string? code "ENOMEM"; "ELIMIT" in a host that limits handles
function timer.every(period, callback, ...)
  local ns = to_positive_ns("every", "period", period)
  callable.check("every", "callback", callback)
  return start("every", bind(callback, ...), ns, ns, RECUR, 0)
end

--- Call `callback` at an instant of the wall clock, and follow that clock when
--- it is stepped. An instant in the past runs on the next turn, earlier instants first;
--- `timer.late` is the time since then.
--- @param when timerlua.Instant
--- @param callback fun(timer: timerlua.Timer, ...) may wait
--- @param ... any passed to `callback` after the timer
--- @return timerlua.Timer? timer nil when memory runs out
--- @return string? message
--- @return string? code "ENOMEM"; "EMFILE", "ENFILE" when no descriptor is left for the
---   wall clock; "ELIMIT" in a host that limits handles
function timer.at(when, callback, ...)
  local ns = instant.to_ns("at", "when", when)
  callable.check("at", "callback", callback)
  return start("at", bind(callback, ...), ns, 0, CLOCKS.realtime, 1)
end

-- ---------------------------------------------------------------------------
-- methods

local function raise_ended(t, method)
  local name = names[t] and " " .. misuse.show(names[t]) or ""
  misuse.raise("timer:" .. method, ("the timer%s has ended (it has run or was cancelled); "
    .. "make a new one if timer.active is false"):format(name))
end

local function check_self(t, method)
  if not istype(new_timer, t) then check.wrong_self(t, method, "timer", "a timer", "timer") end
end

local function checked(t, method, status)
  if status == 0 then return t end
  local _, message, code = errors.failed("timer:" .. method, status)
  if code == "ESTALE" then raise_ended(t, method) end
  if code == "EINVAL" then
    misuse.raise("timer:" .. method, "a timer at an instant has no delay of its own; give one")
  end
  return nil, message, code
end

--- Stop the timer for good, even if it is due in this very turn. Harmless when repeated; in
--- its own callback the timer can still be reset.
--- @return boolean cancelled false if the timer had ended or was not waiting
function methods.cancel(t)
  check_self(t, "cancel")
  local slot = t.slot
  local result = C.tl_timer_cancel(loop, slot, t.generation)
  if result >= ENDED then anchors.cancelled(slot, result) end
  return result % ENDED == CANCELLED
end

local function reset_any(t, delay, period)
  local slot, generation = t.slot, t.generation
  local delay_ns = -1LL
  if delay ~= nil then delay_ns = to_ns("timer:reset", "delay", delay) end
  if period ~= nil then
    local ns = to_ns("timer:reset", "period", period)
    local status = C.tl_timer_period(loop, slot, generation, ns)
    if status ~= 0 then return checked(t, "reset", status) end
  end
  return checked(t, "reset", C.tl_timer_rearm(loop, slot, generation, delay_ns))
end

--- Run next `delay` from now, whatever was set before. A periodic timer continues from that
--- instant with its period.
--- @param delay? timerlua.Duration default: the delay or period the timer was made with
--- @param period? timerlua.Duration 0 makes the timer a one-shot, more makes it recur
--- @return timerlua.Timer? timer itself
--- @return string? message
--- @return string? code "ENOMEM"
--- Raises if the timer has ended: it ran (outside its callback) or was
--- cancelled. A timer at an instant raises without a delay.
function methods.reset(t, delay, period)
  check_self(t, "reset")
  if not is_seconds(delay) or period ~= nil then
    return reset_any(t, delay, period)
  end
  local status = C.tl_timer_reset(loop, t.slot, t.generation, delay)
  if status ~= 0 then return checked(t, "reset", status) end
  return t
end

--- Freeze the time left; `resume` continues with it. A timer on the wall clock keeps its
--- instant. A paused timer does not keep the loop running.
--- @return timerlua.Timer timer itself
--- Raises if the timer has ended.
function methods.pause(t)
  check_self(t, "pause")
  return checked(t, "pause", C.tl_timer_pause(loop, t.slot, t.generation))
end

--- Continue after `pause`, with the time left.
--- @return timerlua.Timer? timer itself
--- @return string? message
--- @return string? code "ENOMEM"
--- Raises if the timer has ended.
function methods.resume(t)
  check_self(t, "resume")
  return checked(t, "resume", C.tl_timer_resume(loop, t.slot, t.generation))
end

--- Keep the loop running while this timer waits, which is the default.
--- @return timerlua.Timer timer itself
--- Raises if the timer has ended.
function methods.ref(t)
  check_self(t, "ref")
  return checked(t, "ref", C.tl_timer_ref(loop, t.slot, t.generation, 1))
end

--- Let the loop end although this timer waits.
--- @return timerlua.Timer timer itself
--- Raises if the timer has ended.
function methods.unref(t)
  check_self(t, "unref")
  return checked(t, "unref", C.tl_timer_ref(loop, t.slot, t.generation, 0))
end

--- Return when the timer runs for the n-th time from now, in seconds on its clock.
--- @param n? integer >= 1, default 1
--- @return number? instant seconds; nil when there is no such run
function methods.next(t, n)
  check_self(t, "next")
  if n == nil then n = 1 end
  check.integer("timer:next", "n", n, 1)
  local i = info_of(t)
  if not i or i.active == 0 or (n > 1 and i.period == 0) then return nil end
  local due = C.tl_timer_deadline(loop, t.slot, t.generation)
  return due + (n - 1) * i.period
end

local fields = {}

for _, key in ipairs { "due", "late", "missed", "missed_total", "runs" } do
  fields[key] = function(t)
    local i = info_of(t)
    return i and i[key] or nil
  end
end

function fields.period(t)
  local i = info_of(t)
  if i and i.period > 0 then return i.period end
end

function fields.clock(t)
  local i = info_of(t)
  return i and CLOCK_NAMES[i.clock] or nil
end

function fields.kind()
  return KIND
end

for _, key in ipairs { "active", "running", "paused" } do
  fields[key] = function(t)
    local i = info_of(t)
    return i ~= nil and i[key] ~= 0
  end
end

function fields.name(t)
  return names[t]
end

function fields.site(t)
  if not info_of(t) then return nil end
  return callable.site(anchors.unbind(anchors.get(t.slot)))
end

-- The names of other libraries.
local SYNONYMS = { stop = "cancel", close = "cancel", clear = "cancel", destroy = "cancel",
  start = "reset", restart = "reset", again = "reset", rearm = "reset", interval = "period" }

local NAMES = {}
for _, list in ipairs { methods, fields } do
  for name in entries(list) do NAMES[#NAMES + 1] = name end
end
table.sort(NAMES)

local function index(t, key)
  local method = methods[key]
  if method then return method end
  local field = fields[key]
  if field then return field(t) end
  misuse.raise("timer", "no field or method " .. misuse.show(key)
    .. suggest.hint(key, NAMES, SYNONYMS))
end

local function check_name(name)
  if name ~= nil and type(name) ~= "string" then
    misuse.got("timer", "name must be a string", name)
  end
end

local function newindex(t, key, value)
  if key ~= "name" then
    misuse.got("timer", "only the field name can be set", key)
  end
  check_name(value)
  names[t] = value
end

local function to_text(t)
  local name, site = names[t], fields.site(t)
  return ("timerlua.Timer: %d.%d%s%s"):format(t.slot, t.generation,
    name and " " .. misuse.show(name) or "",
    site and " (" .. site .. ")" or " (ended)")
end

ffi.metatype(new_timer, { __index = index, __newindex = newindex, __tostring = to_text })

-- ---------------------------------------------------------------------------
-- the full form

local OPTIONS = check.names "after every at first fn args name clock limit"

local function check_options(options)
  if options == nil then misuse.got("timer", "options must be a table", options) end
  options = check.options("timer", options, OPTIONS, "options")
  local forms = (options.after ~= nil and 1 or 0) + (options.every ~= nil and 1 or 0)
    + (options.at ~= nil and 1 or 0)
  if forms ~= 1 then
    misuse.got("timer", "exactly one of after, every and at must be given", forms)
  end
  if options.args ~= nil and type(options.args) ~= "table" then
    misuse.got("timer", "args must be a table", options.args)
  end
  if options.first ~= nil and options.every == nil then
    misuse.raise("timer", "first goes with every only")
  end
  if options.limit ~= nil then check.integer("timer", "limit", options.limit, 1) end
  return options
end

local function clock_of(options)
  local name = options.clock or (options.at ~= nil and "realtime") or "monotonic"
  local clock = CLOCKS[name]
  if not clock then
    misuse.got("timer", 'clock must be "monotonic", "realtime" or "boottime"', name)
  end
  if options.at ~= nil and name ~= "realtime" then
    misuse.got("timer", "at follows the realtime clock: clock must be that", name)
  end
  return clock
end

local function args_of(options)
  local args = options.args or {}
  local n = args.n or #args
  if not check.is_whole(n, 0, anchors.MOST_ARGUMENTS) then
    misuse.got("timer", ("args must be a list of at most %d"):format(anchors.MOST_ARGUMENTS), n)
  end
  return args, 1, n
end

-- A limited timer leaves the queue as its last callback begins.
local function limited(fn, limit)
  return callable.stand_in(function(t, ...)
    if t.runs >= limit then t:cancel() end
    return fn(t, ...)
  end, fn)
end

local function first_and_interval(options)
  if options.at ~= nil then return instant.to_ns("timer", "at", options.at), 0LL, 1 end
  if options.after ~= nil then
    local ns = to_ns("timer", "after", options.after)
    return ns, ns, 0
  end
  local period = to_positive_ns("timer", "every", options.every)
  if options.first == nil then return period, period, 0 end
  return to_ns("timer", "first", options.first), period, 0
end

--- @class timerlua.TimerOptions exactly one of `after`, `every` and `at` must be given, and
---   `fn`
--- @since 0.1
--- @field after? timerlua.Duration run once, after this delay
--- @field every? timerlua.Duration run repeatedly; more than 0
--- @field at? timerlua.Instant run at an instant of the wall clock
--- @field first? timerlua.Duration with `every`: the delay of the first tick; later ticks
---   stay on its grid
--- @field fn fun(timer: timerlua.Timer, ...) the callback
--- @field args? any[] arguments for the callback, at most 1000; the field `n` counts nils
--- @field name? string for reports and lists
--- @field clock? "monotonic"|"realtime"|"boottime" default "monotonic"; with `at`
---   always "realtime"
--- @field limit? integer >= 1: the timer is cancelled when this many runs have begun

--- Make a timer from a table: the full form of `after`, `every` and `at`.
--- @param options timerlua.TimerOptions
--- @return timerlua.Timer? timer nil without memory
--- @return timerlua.Timer? timer nil when memory runs out
--- @return string? code "ENOMEM"; "ELIMIT" in a host that limits handles
function timer.timer(options)
  options = check_options(options)
  local clock = clock_of(options)
  local first, interval, absolute = first_and_interval(options)
  local fn = options.fn
  callable.check("timer", "fn", fn)
  if options.limit then fn = limited(fn, options.limit) end
  check_name(options.name)
  local t, message, code = start("timer", bind(fn, unpack(args_of(options))), first, interval,
    clock + (options.every ~= nil and RECUR or 0), absolute)
  if not t then return nil, message, code end
  names[t] = options.name
  return t
end

--- Whether a value is a timer.
--- @return boolean
function timer.is(value)
  return istype(new_timer, value)
end

return timer
