-- How a script ends: by itself, by tl.stop, by a signal, by an error. The
-- tl.on("stop") handlers run once in each case, for a bounded time.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local anchors = require "timerlua.core.anchors"
local check = require "timerlua.core.check"
local closing = require "timerlua.core.closing"
local duration = require "timerlua.core.duration"
local errors = require "timerlua.core.errors"
local events = require "timerlua.core.events"
local later = require "timerlua.core.later"
local task = require "timerlua.task.task"
local timer = require "timerlua.loop.timer"
local wait = require "timerlua.task.wait"

local shared = core.shared
local MOST_STATUS, REASON_STOP = 255, core.C.TL_REASON_STOP
local dispatcher = core.dispatcher

local stop = {}

-- Seconds that the stop handlers may take in total. The signal handler in C applies the grace
-- to a callback that does not return, too.
local grace = 5
shared.stop_grace_s = grace

local HANDLER = { kind = 'tl.on("stop") handler' } -- as a source of errors

-- guard: the timer that bounds the handlers; cut: the guard ended them; failed: the main
-- chunk ended with an error.
local state = { stopping = false, code = nil, reason = nil, guard = nil, cut = false,
  failed = false }

local function halt()
  core.C.tl_loop_stop(core.loop)
end

local function give_up()
  state.cut = true
  errors.write(("the stop handlers took more than %g s; "
    .. "ending without them"):format(shared.stop_grace_s))
  halt()
end

local function begin(reason)
  state.stopping, state.reason = true, reason
  local notify = later.if_loaded "timerlua.system.notify"
  if notify then notify.stopping() end
  if events.each("stop")() == nil then return halt() end
  state.guard = timer.after(shared.stop_grace_s, give_up):unref()
  local handlers = events.take("stop")
  task.spawn(function()
    local caller = task.current()
    for handler in handlers do
      caller.fn = handler -- gives the task its site in lists and reports
      errors.guard(HANDLER, handler, state.reason, state.code)
    end
    state.guard:cancel()
    halt()
  end).name = "stop handler"
end

local OPTIONS = check.names "code grace"

local function to_grace(where, value)
  return tonumber(duration.to_positive_ns(where, "grace", value)) / 1e9
end

-- A grace that is given while the handlers run counts from that moment on.
local function take_options(options)
  options = check.options("stop", options, OPTIONS)
  local seconds = options.grace ~= nil and to_grace("stop", options.grace)
  if options.code ~= nil then check.integer("stop", "code", options.code, 0, MOST_STATUS) end
  if seconds then
    shared.stop_grace_s = seconds
    if state.guard and state.guard.active then state.guard:reset(seconds) end
  end
  return options.code
end

--- End the loop: tl.on("stop") handlers run first, and everything goes on until they have
--- returned, for a grace of at most 5 s or the duration of `--stop-grace`. Handlers that take
--- longer are cut short, and the status is then 1 instead of 0. tl.stop also works as the
--- callback of a timer: tl.after(5, tl.stop), tl.after(5, tl.stop, 3).
--- @param code? integer|table exit status 0 to 255; default 0, or 1 after an error; or a
---   table of options: `code`; `grace`, a Duration greater than 0, which counts from this
---   call on if a handler makes it
function stop.stop(code, ...)
  if timer.is(code) then code = ... end -- called as a timer's callback
  if type(code) == "table" then
    code = take_options(code)
  elseif code ~= nil then
    check.integer("stop", "code", code, 0, MOST_STATUS)
  end
  if code ~= nil then state.code = code end
  if not state.stopping then begin("stop") end
end

--- The main chunk has failed, and its error was reported: end in good order with status 1,
--- for a script that has only half begun may wait forever.
function stop.fail()
  state.failed = true
  if not state.stopping and shared.stopped == 0 then begin("error") end
end

--- Set the grace of every stop that has none of its own; raises in the name of `where`.
--- @param value timerlua.Duration
function stop.set_grace(where, value)
  grace = to_grace(where, value)
  shared.stop_grace_s = grace
end

-- tl.stop ended the loop during a wait of the main chunk of a plain luajit; the script may
-- wait again. The exit code is kept for tl.run.
local function begin_anew()
  state.stopping, state.reason = false, nil
end

-- Called when the loop was woken by a signal, or because the host called tl_stop.
local function take_reason(number)
  if number >= REASON_STOP then
    if not state.stopping then stop.stop(number - REASON_STOP) end
    return
  end
  state.signal = number
  if state.stopping then return end -- at the second signal, main.c ends the process
  begin(later.load("timerlua.system.signame").name(number))
end

-- Report tasks whose waits can never end.
local function report_stuck()
  local tasks = {} -- handlers may start others meanwhile
  for t in task.each() do tasks[#tasks + 1] = t end
  for _, waiting in ipairs(tasks) do
    if waiting.status == "waiting" then
      errors.report("the task waits, but nothing is left that could wake it",
        debug.traceback(waiting.coroutine), waiting)
    end
  end
end

-- After an error that ends the script, only its handlers may still run.
local function drop_everything()
  closing.run "error"
  local slot = ffi.new("uint32_t[1]", 1)
  while core.C.tl_handle_walk(core.loop, slot) ~= 0 do
    anchors.clear(slot[0])
    slot[0] = slot[0] + 1
  end
  core.C.tl_loop_drop(core.loop)
end

-- Nothing is left to wait for, or an error ends the script: work that the handlers start
-- may still run.
local function last_words(reason)
  if state.stopping or events.each("stop")() == nil then return end
  if reason == "error" then drop_everything() end
  shared.stopped = 0
  begin(reason)
  if dispatcher.run() then report_stuck() end
end

-- Nothing is left to wait for in a step of a host's.
local function last_step()
  if state.stopping then -- a handler waits for what can never come
    report_stuck()
    halt()
  elseif events.each("stop")() ~= nil then
    begin("done")
  end
end

--- The run is over: return how it ended, and prepare for the next run.
--- @return integer code the exit status
--- @return integer? signal the number of the signal that ended it
function stop.ended()
  local code, number, cut = state.code, state.signal, state.cut
  state.stopping, state.code, state.reason, state.signal = false, nil, nil, nil
  local failed = state.failed or shared.errors > shared.errors_told or cut and not number
  state.guard, state.cut, state.failed = nil, false, false
  shared.stopped, shared.stop_grace_s = 0, grace
  if failed and (code == nil or cut and code == 0) then code = 1 end
  shared.errors_told = shared.errors
  return code or 0, code == nil and number or nil
end

--- Run the loop to its end.
--- @return integer code the exit status: 0, 1 after an uncaught error, or the code passed
---   to tl.stop
--- @return integer? signal the number of the signal that ended it
function stop.run()
  local finished = dispatcher.run()
  if finished then report_stuck() end
  last_words(finished and "done" or "error")
  return stop.ended()
end

core.hook("signal", take_reason)
core.hook("done", last_step)
wait.on_cut_short(begin_anew)

return stop
