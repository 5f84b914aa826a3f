-- Waiting: which task runs, and how it hands its coroutine back until it is woken. Every
-- wait is a handle of the core; the dispatcher resumes what is anchored for that handle.
-- The main chunk of a plain luajit has no coroutine: it runs the loop until a function of
-- ours, anchored instead, is called.
--
--   begin ---> suspend ---> the values passed to wake, or none when the time is up
--     |           `-------> raises the error passed to interrupt
--     `------> abandon      (the wait is not needed after all)
local core = require "timerlua.core.ffi"
local anchors = require "timerlua.core.anchors"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local misuse = require "timerlua.core.misuse"
local owner = require "timerlua.core.owner"
local coroutines = require "timerlua.task.coroutines"
local message_handler = require "timerlua.task.message_handler"

local C, loop, shared = core.C, core.loop, core.shared
local dispatcher = core.dispatcher
local running, yield = coroutine.running, coroutine.yield
local is_yieldable = coroutine.isyieldable
local WAIT, state = coroutines.WAIT, coroutines.state
local NO_MEMORY, FORKED, KIND_SLEEP = errno.ENOMEM, errno.ECHILD, C.TL_SLEEP

-- Passed as the first value to a wait that is interrupted.
local RAISE = {}

-- Values of waiter.woken for a wait that is ending; a later, stronger reason replaces a
-- weaker one.
local WOKEN = 1
local BY_LIMIT, BY_CANCEL = 2, 3

local function raise_status(where, status)
  if status == FORKED then
    misuse.raise(where, errors.FORKED)
  end
  local _, message = errors.failed(where, status)
  error("timerlua." .. message, 0)
end

local wait = {
  by_limit = BY_LIMIT,
  by_cancel = BY_CANCEL,

  --- Raise for a status of the core: without memory, or in a forked process.
  raise_status = raise_status,

  --- The task of each coroutine that is one.
  tasks = coroutines.tasks,

  --- What suspend returns in the main chunk of a plain luajit when the loop ended first: by
  --- tl.stop, or because nothing was left that could wake it.
  loop_ended = setmetatable({}, {
    __tostring = function() return "the loop ended" end,
  }),
}

-- Where the core writes the id of a new handle. No script has it, and the core is never
-- given what a script can write, but numbers.
local id = core.new_id()

local tasks, LOOP_ENDED = wait.tasks, wait.loop_ended

-- Functions registered by modules further up.
local make_task, when_cut_short

--- @class timerlua.Waiter a waiting task, or the main chunk outside tasks
--- @field slot integer of the handle of its latest wait
--- @field generation integer
--- @field status string "waiting" while suspended
--- @field waiting_for string the function it waits in, such as "channel:receive"
--- @field list table? what to leave when the wait ends early:
---   list:remove(waiter) is called then
--- @field woken integer? WOKEN, BY_LIMIT or BY_CANCEL from wake or interrupt
---   until it runs
--- @field expired timerlua.Interruption? raised in each wait, until the limit is left
---   that has run out; none while a shield keeps it away: time_bound.lua
--- @field raised integer? how often the interruption `counted` was raised
--- @field counted timerlua.Interruption? the latest in `expired`
--- @field cancelled timerlua.Interruption? of the whole task
--- @field coroutine thread|function what its handle's anchor runs
--- @field limit timerlua.Limit? the innermost limit around it
local outside = { slot = 0, generation = 0, status = "running", kind = "task", is_main = true }

-- Anchored for the waits of the main chunk in place of a coroutine.
function outside.coroutine(...)
  outside.over = true
  outside.values = { n = select("#", ...), ... }
  shared.interrupt = 1
end

-- ---------------------------------------------------------------------------
-- which task runs

-- The coroutine that the dispatcher has resumed, if a wait here suspends it: the running
-- one, or one that has resumed the running one.
local function own_coroutine()
  local co = running()
  local owned = dispatcher.owned()
  if owned ~= nil and (owned == co or coroutines.is_inner(co)) then return owned end
end

--- The running task, if the callback that runs has become one.
function wait.task()
  local co = running()
  return tasks[co or false] or coroutines.is_inner(co) and tasks[dispatcher.owned() or false]
    or nil
end

--- The running task, which a callback becomes by this call; nil in the main chunk of a
--- plain luajit. Raises in a coroutine of the script's own that no task has resumed.
--- @param where string the public function, for errors
function wait.current(where)
  local co = running()
  local self = tasks[co or false]
  if self then return self end
  local own = own_coroutine()
  if own then return tasks[own] or make_task(own) end
  if co == nil and dispatcher.owned() == nil then return nil end
  misuse.raise(where, "called in a coroutine of the script's own that no task has resumed; "
    .. "use tl.spawn")
end

--- Raise where no limit can begin: a coroutine of the script's own can be left in between.
function wait.before_limit(where)
  if coroutines.is_inner(running()) then
    misuse.raise(where, "called in a coroutine of the script's own, which may yield in "
      .. "between; use tl.spawn")
  end
end

--- Whether an error is the interruption of the task that runs.
function wait.is_interrupt(err)
  local self = wait.task() or outside
  return err ~= nil and err == self.expired
end

--- Have `thing` belong to the running code: its innermost limit, or its task, or the task
--- that a callback may become; without any of these, `thing` belongs to no owner.
function wait.own(thing)
  local self = wait.task() or running() == nil and outside
  if self then
    owner.add(self.limit or self ~= outside and self or nil, thing)
  elseif own_coroutine() then
    owner.begun(thing, shared.resumes)
  end
end

--- Whether the loop belongs to a host, where no main chunk of a plain luajit may run it.
function wait.is_hosted()
  return dispatcher.host ~= nil
end

--- The running task, or the waiter that stands for it in the main chunk of a plain luajit.
--- @return timerlua.Waiter waiter
function wait.here(where)
  local waiter = wait.current(where)
  if waiter == nil and wait.is_hosted() then
    misuse.raise(where, "called by the host outside tl_call, where nothing can wait")
  end
  return waiter or outside
end

--- Whether the running code can be suspended while the loop goes on. If not, a wait would
--- have to block the thread: outside any task, in a coroutine that no task has resumed,
--- inside a C function.
function wait.can_suspend()
  local co = running()
  if co == nil then return false end
  return (tasks[co] ~= nil or own_coroutine() ~= nil) and state.yieldable and is_yieldable()
end

-- ---------------------------------------------------------------------------
-- the wait

local function check_yieldable(where)
  if not (state.yieldable and is_yieldable()) then
    message_handler.refuse(where)
    misuse.raise(where, "called inside a C function (such as table.sort, "
      .. "string.gsub or require), which cannot wait")
  end
end

--- The running waiter, if it can wait here; raises as begin does if not.
--- @return timerlua.Waiter waiter
function wait.able(where)
  local waiter = wait.here(where)
  if waiter ~= outside then check_yieldable(where) end
  return waiter
end

--- Call before blocking the thread because the code cannot be suspended: in a host, whose
--- loop would stand still, raises as begin does, unless delay is 0.
function wait.before_blocking(where, delay)
  if delay ~= 0 and wait.is_hosted() then wait.able(where) end
end

-- Interruptions that were raised this often, and caught each time, are reported.
local MOST_CAUGHT = 100
-- From then on, the pause in seconds before each: the processor is for others, and
-- virtual time goes on.
local PAUSE = 0.01

-- Raise the interruption of a waiter that goes on all the same. A turn passes before it
-- is raised again, so that others run.
local function interrupt_again(waiter, where)
  local interruption = waiter.expired
  local raised = waiter.raised
  waiter.raised = raised + 1
  if raised == 0 then error(interruption, 0) end
  if raised == MOST_CAUGHT then
    errors.report(("%s; the task goes on: %d waits in a row have raised this, and each "
      .. "error was caught"):format(tostring(interruption), raised), debug.traceback("", 2):sub(2),
      waiter.source or waiter)
  end
  local status = C.tl_sleep_after(loop, id, raised < MOST_CAUGHT and 0 or PAUSE)
  if status ~= 0 then raise_status(where, status) end
  local slot = id.slot
  waiter.slot, waiter.generation = slot, id.generation
  anchors.set(slot, waiter.coroutine, waiter)
  waiter.waiting_for = where
  wait.suspend(waiter)
  error(waiter.expired or interruption, 0)
end

--- Begin a wait of what runs here; suspend or abandon is to follow. Until then
--- waiter.slot and waiter.generation, the wait's handle, can be given to whatever shall
--- wake it.
--- @param where string the public function, for errors and lists
--- @param delay? number|ffi.cdata* seconds, 0 to tl_max_seconds, or int64 nanoseconds,
---   after which the wait ends by itself; nil: never
--- @return timerlua.Waiter waiter
--- Raises where waiting is impossible, when memory runs out, and when a limit around the
--- wait (see time_bound.lua) has run out. Written without further calls: the deeper the
--- calls of a waiting task, the larger its stack; from 40 slots on, that is 320 bytes for
--- each.
function wait.begin(where, delay)
  local waiter = tasks[running() or false] or wait.here(where)
  if waiter ~= outside and not (state.yieldable and is_yieldable()) then
    check_yieldable(where)
  end
  if waiter.expired then interrupt_again(waiter, where) end
  local status
  if delay == nil then
    status = C.tl_handle_open(loop, id, KIND_SLEEP)
  elseif type(delay) == "number" then
    status = C.tl_sleep_after(loop, id, delay)
  else
    status = C.tl_sleep_start(loop, id, delay)
  end
  if status ~= 0 then raise_status(where, status) end
  local slot = id.slot
  waiter.slot, waiter.generation = slot, id.generation
  anchors.set(slot, waiter.coroutine, waiter)
  waiter.waiting_for = where
  return waiter
end

local function close(waiter)
  local slot = waiter.slot
  if C.tl_wait_close(loop, slot, waiter.generation) == 0 then anchors.clear(slot) end
end

-- The wait is over; a waiter that was not woken by its list is still in the list.
local function settle(waiter)
  local list, woken = waiter.list, waiter.woken
  waiter.list, waiter.woken = nil, nil
  if list and not woken then list:remove(waiter) end
end

--- End a wait that has begun and is not going to be suspended.
function wait.abandon(waiter)
  close(waiter)
  settle(waiter)
end

local function raise(err)
  error(err, 0)
end

local function outcome(first, ...)
  if first == RAISE then raise(...) end
  return first, ...
end

local function resumed(waiter, ...)
  if dispatcher.owned() ~= waiter.coroutine then
    -- the script resumed the coroutine itself: the task keeps waiting
    return resumed(waiter, yield(WAIT))
  end
  waiter.status = "running"
  if waiter.list or waiter.woken then settle(waiter) end
  return outcome(...)
end

-- The loop ended before the main chunk was woken: anything it was to receive goes to other
-- waiters.
local function cut_short()
  local list = outside.list
  outside.list, outside.woken = nil, nil
  if list then list:remove(outside) end
  close(outside)
  if shared.stopped ~= 0 then
    shared.stopped = 0
    when_cut_short()
  end
  return LOOP_ENDED
end

local function run_loop()
  outside.over = false
  repeat
    local finished = dispatcher.run()
  until outside.over or finished or shared.stopped ~= 0
  outside.status = "running"
  if not outside.over then return cut_short() end
  local values = outside.values
  outside.values = nil
  settle(outside)
  return outcome(unpack(values, 1, values.n))
end

--- Wait until woken, or until the time given to begin is over.
--- @return any ... the values passed to wake, or nothing when the time is over; or
---   wait.loop_ended, see there
--- Raises the error passed to interrupt.
function wait.suspend(waiter)
  waiter.status = "waiting"
  if waiter == outside then return run_loop() end
  return resumed(waiter, yield(WAIT))
end

-- Make the wait's handle due on the next turn. False when the wait is over: another handle
-- has its slot.
local function hasten(waiter, what)
  local slot, generation = waiter.slot, waiter.generation
  local status = C.tl_wait_wake(loop, slot, generation)
  if status == NO_MEMORY then -- garbage may hold the memory
    collectgarbage()
    status = C.tl_wait_wake(loop, slot, generation)
    if status == NO_MEMORY then raise_status("wake", status) end
  end
  if status ~= 0 then return false end
  if what then anchors.set_what(slot, what) end
  return true
end

--- End a wait on the next turn, with values; a wait that is already ending does not change.
--- Take the waiter off its list first. A waiter.list set afterwards is informed through
--- remove when the wait is cancelled before the waiter runs.
--- @return boolean woken
function wait.wake(waiter, ...)
  if waiter.woken then return false end
  local what = select("#", ...) > 0 and anchors.bind(waiter.coroutine, ...)
  if not hasten(waiter, what) then return false end
  waiter.woken = WOKEN
  return true
end

--- End a wait on the next turn by an error raised where it waits. A limit does
--- not interrupt a wait that was woken; being cancelled does, and whoever woke
--- it is told through waiter.list.
--- @param err timerlua.Interruption
--- @param rank integer wait.by_limit or wait.by_cancel
--- @return boolean interrupted
function wait.interrupt(waiter, err, rank)
  local woken = waiter.woken
  if waiter.status ~= "waiting" or (rank == BY_LIMIT and woken and woken ~= BY_LIMIT) then
    return false
  end
  if not hasten(waiter, anchors.bind(waiter.coroutine, RAISE, err)) then return false end
  local list = waiter.list
  waiter.woken, waiter.list = rank, nil
  waiter.raised = waiter.raised + 1
  if list then list:remove(waiter) end
  return true
end

--- When the waiter's time is over, in monotonic seconds; nil when it has no limit.
function wait.due(waiter)
  local due = C.tl_wait_deadline(loop, waiter.slot, waiter.generation)
  if due == due then return due end
end

-- ---------------------------------------------------------------------------
-- set by modules further up

--- Set how a callback becomes a task, for task.lua: `fn(coroutine)` makes it one.
--- @param fn fun(coroutine: thread): timerlua.Waiter
function wait.make_tasks_by(fn)
  if make_task then error("tasks are made already", 2) end
  make_task = fn
end

--- Have `fn` called when tl.stop has cut a wait of the main chunk short; for stop.lua.
function wait.on_cut_short(fn)
  if when_cut_short then error("cuts are handled already", 2) end
  when_cut_short = fn
end

return wait
