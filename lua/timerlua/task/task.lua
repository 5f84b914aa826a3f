-- Tasks: straight-line code that waits. Every callback runs in a coroutine of the
-- dispatcher, and becomes a task when it first waits. Waiting is in wait.lua; this file has
-- how a task begins, ends and is joined.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local anchors = require "timerlua.core.anchors"
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local duration = require "timerlua.core.duration"
local errors = require "timerlua.core.errors"
local misuse = require "timerlua.core.misuse"
local owner = require "timerlua.core.owner"
local suggest = require "timerlua.core.suggest"
local interruption = require "timerlua.task.interruption"
local rethrow = require "timerlua.task.rethrow"
local shield = require "timerlua.task.shield"
local time_bound = require "timerlua.task.time_bound"
local wait = require "timerlua.task.wait"
local waiters = require "timerlua.task.waiters"

local C, loop, shared = core.C, core.loop, core.shared
local running = coroutine.running
local tasks, is_cancelled = wait.tasks, interruption.is_cancelled
local KIND_TASK = C.TL_TASK

local id = core.new_id() -- of a new handle
local adopted_info = ffi.new("tl_handle_info")

local task = {}

--- @class timerlua.Task
--- @since 0.1
--- @field status string "ready", "running", "waiting", "done", "failed" or
---   "cancelled"
--- @field name string? yours to set
--- @field site string "file:line" where its function was defined
--- @field kind string "task"; "callback" for a callback that waits
local Task = { kind = "task" }

local live = {} -- every task that has not ended

suggest.methods(Task, "task", { kill = "cancel", stop = "cancel", abort = "cancel",
  wait = "join", await = "join" })

function Task.__index(self, key)
  if key == "site" then return callable.site(self.fn) end
  return Task[key]
end

function Task.__tostring(self)
  return ("timerlua.Task: %s%s (%s)"):format(self.status,
    self.name and " " .. misuse.show(self.name) or "", tostring(self.site))
end

local NOTHING = { n = 0 } -- results of a task

local function new_task(fn, status)
  return setmetatable({ fn = fn, status = status, slot = 0, generation = 0 }, Task)
end

-- From here on, this coroutine is the task.
local function settle_in(self, co)
  self.coroutine = co
  tasks[co] = self
end

local outlived -- the object that the running callback outlived: see task.outlive

local function is_of(object, slot, generation)
  return object and object.slot == slot and object.generation == generation
end

-- A callback becomes a task: its handle counts as running until the callback is over. If
-- the callback ended its own handle, the slot may belong to another handle.
local function make_task(co)
  local slot, generation = shared.current_slot, shared.current_generation
  local what, object
  if C.tl_handle_info_get(loop, slot, generation, adopted_info) == 0 then
    what, object = anchors.get(slot)
  elseif is_of(outlived, slot, generation) then
    object = outlived
  end
  -- all callbacks of a connection are anchored together, as its handler
  local fn = anchors.unbind(what) or object and (object.handler or object.on_exit)
  -- built in one piece: a growing table is reallocated each time
  local self = setmetatable({ fn = fn, status = "running",
    slot = 0, generation = 0, kind = "callback", source = object, handle_slot = slot,
    handle_generation = generation, coroutine = co, finally = false,
    waiting_for = false, ending = false, results = false }, Task)
  owner.adopt(self, shared.resumes)
  shared.adopted = 1
  live[self] = true
  tasks[co] = self
  return self
end

--- The callback that is about to run belongs to an object whose handle, given by the fields
--- slot and generation, has already ended; the callback runs all the same.
--- @param object table
function task.outlive(object)
  outlived = object
end

--- Wait for `delay`; the loop goes on meanwhile. Works in the main chunk, in callbacks and
--- in tasks.
--- @param delay timerlua.Duration 0 waits one turn
--- @return boolean slept true; false in the main chunk of a plain luajit when
---   tl.stop came first
--- Raises when the task is cancelled or a tl.timeout around the wait runs out, and where
--- waiting is impossible: inside a C function, or in a coroutine that the script itself
--- created.
function task.sleep(delay)
  local waiter = wait.begin("sleep", duration.of("sleep", "delay", delay))
  return wait.suspend(waiter) ~= wait.loop_ended
end

-- ---------------------------------------------------------------------------
-- starting

local function body(self, fn, ...)
  settle_in(self, running())
  self.status = "running"
  return fn(...)
end

local function check_started(status)
  if status ~= 0 then wait.raise_status("spawn", status) end
end

--- A task of `fn(...)` that the caller will begin.
function task.prepare(fn, ...)
  local self = new_task(fn, "ready")
  local call = anchors.bind(body, self, fn, ...)
  check_started(C.tl_handle_open(loop, id, KIND_TASK))
  self.slot, self.generation = id.slot, id.generation
  anchors.set(self.slot, call, self)
  live[self] = true
  return self
end

--- Run `fn(...)` as a new task, starting on the next turn.
--- @param fn function
--- @param ... any passed to `fn`
--- @return timerlua.Task task
--- Raises when memory runs out. An error that ends the task is raised by `join` if a task
--- waits there; otherwise it is reported at once, like an error in a callback.
function task.spawn(fn, ...)
  callable.check("spawn", "fn", fn)
  local self = task.prepare(fn, ...)
  local slot, generation = self.slot, self.generation
  local status = C.tl_wait_wake(loop, slot, generation)
  if status ~= 0 then
    anchors.clear(slot)
    C.tl_wait_close(loop, slot, generation)
    live[self] = nil
    check_started(status)
  end
  return self
end

--- Return the running task; a callback that calls this becomes a task.
--- @return timerlua.Task? task nil in the main chunk of a plain luajit
function task.current()
  return wait.current("current")
end

--- Have the running callback count as a task of `fn`, with errors reported for `source`.
--- @param source table kind, name, site
--- @param finally? function called with source when the task has ended, last
function task.become(source, fn, finally)
  local self = wait.current("become")
  self.kind, self.source, self.fn, self.finally = "task", source, fn, finally
end

--- Run `fn(...)` when the running task or callback ends, whether it returns, raises an
--- error or is cancelled. The latest deferred function runs first.
--- @param fn function may wait
--- @param ... any passed to `fn`
--- Raises outside a task or callback.
function task.defer(fn, ...)
  callable.check("defer", "fn", fn)
  local self = wait.current("defer")
  if not self then
    misuse.raise("defer", "called outside a task or callback")
  end
  self.deferred = { previous = self.deferred, call = anchors.bind(fn, ...), late = self.ending }
end

-- ---------------------------------------------------------------------------
-- ending

local ENDED = { done = true, failed = true, cancelled = true }

local function call_bound(what)
  if type(what) == "function" then return what() end
  return what[1](unpack(what, 2, what[0]))
end

-- When deferred functions defer further functions, perhaps endlessly, other tasks get their
-- turn in between.
local LATE_IN_A_TURN = 100

-- Once its grace is over, a deferred function is interrupted.
local function call_deferred(self, call)
  local ok, err = pcall(errors.guard_but, wait.is_interrupt, self, call_bound, call)
  if ok then return end
  errors.report("a deferred function was cut short, as its grace is over: " .. tostring(err),
    "", self.source or self)
end

local function run_deferred(self)
  local late = 0
  while self.deferred do
    local entry = self.deferred
    self.deferred = entry.previous
    if entry.late then
      late = late + 1
      if late % LATE_IN_A_TURN == 0 then errors.guard(self, task.sleep, 0) end
    end
    call_deferred(self, entry.call)
  end
end

local function clean_up(self)
  run_deferred(self)
  if self.finally then errors.guard(self, self.finally, self.source) end
end

local function release_handle(self)
  local slot = self.handle_slot
  if slot and C.tl_handle_done(loop, slot, self.handle_generation) == 1 then
    anchors.clear(slot)
  end
end

-- The task's error, which has not been reported yet.
local function tell(self)
  if self.scope then return self.scope:child_failed(self) end
  errors.report(self.err, self.traceback, self.source or self)
end

-- For joiners of a failed task that are cancelled before they see its error: when the last
-- of them leaves, the error is reported.
local Delivery = {}
Delivery.__index = Delivery

function Delivery:remove()
  self.left = self.left - 1
  if self.left == 0 then tell(self.task) end
end

-- Wake the tasks that wait in join, in order of arrival; false when no task waits.
local function wake_joiners(self)
  local joiners = self.joiners
  if not joiners or joiners.count == 0 then return false end
  self.joiners = nil
  local delivery
  if self.status == "failed" then
    delivery = setmetatable({ task = self, left = joiners.count }, Delivery)
  end
  for waiter in joiners.take, joiners do
    wait.wake(waiter)
    waiter.list = delivery
  end
  return true
end

-- Leave limits that the task did not return to, because it yielded where it must not.
local function abandon_limits(self)
  local limit = self.limit
  self.limit, self.expired, self.counted = nil, nil, nil
  while limit do
    errors.guard(self, limit.abandon, limit)
    if limit.owned then owner.pass(limit, self) end
    limit = limit.outer
  end
end

local function end_by(self, err, traceback)
  if is_cancelled(err) then
    self.status = "cancelled"
  else
    self.status = "failed"
    self.err, self.traceback = err, rethrow.traceback(self, err, traceback)
  end
end

local function complete(self, ok, ...)
  self.ending = true
  if self.limit then abandon_limits(self) end
  if self.deferred or self.finally then shield.run(self, clean_up, self) end
  live[self] = nil
  release_handle(self)
  if ok then
    self.status = "done"
    local n = select("#", ...)
    self.results = n == 0 and NOTHING or { n = n, ... }
  else
    end_by(self, ...)
  end
  if self.owned then
    if self.status == "cancelled" then owner.break_off(self) else owner.pass(self, self.scope) end
  end
  local joined = wake_joiners(self)
  if self.status == "failed" and not joined then tell(self) end
  if self.scope then self.scope:child_ended(self) end
end

-- A callback that never became a task. An interruption is another task's, passed on.
local function callback_failed(object, err, traceback)
  if not is_cancelled(err) then errors.report(err, traceback, object) end
end

-- Called by the dispatcher when a task has ended or a callback has failed, in a coroutine
-- that continues as that task for its deferred functions.
local function finish(co, object, ok, ...)
  local self = tasks[co]
  tasks[co] = nil
  if self then
    local me = running()
    settle_in(self, me)
    complete(self, ok, ...)
    tasks[me] = nil
    self.coroutine = nil -- from now on other callbacks run in it
  elseif not ok then
    callback_failed(object, ...)
  end
end

-- Called by the dispatcher when one of the hooks, which ran in this coroutine, was cut
-- short by an error of a finalizer: what remains to be done for the task is done here.
local function broken(co, err)
  errors.report(err, "", { kind = "finalizer" })
  local self = tasks[co]
  tasks[co] = nil
  if not self then return end
  if not live[self] and ENDED[self.status] then
    wake_joiners(self)
    if self.scope then self.scope:child_ended(self) end
  else
    settle_in(self, running())
    complete(self, false, err, "")
    tasks[self.coroutine] = nil
  end
  self.coroutine = nil
end

local function result_of(self)
  if not ENDED[self.status] then
    misuse.raise("task:join", "the loop ended before the task did")
  elseif self.status == "done" then
    return unpack(self.results, 1, self.results.n)
  elseif self.status == "cancelled" then
    return nil, "join: task cancelled", "ECANCELED"
  end
  error(self.err, 0)
end

local check_self = check.self_of(Task, "task", "a task")

--- Wait until the task has ended.
--- @return any ... the results of its function; nil, "join: task cancelled", "ECANCELED"
---   when the task was cancelled
--- Raises the error that ended the task.
function Task:join()
  check_self(self, "join")
  if ENDED[self.status] then return result_of(self) end
  local me = wait.begin("task:join")
  if me == self then
    wait.abandon(me)
    misuse.raise("task:join", "a task cannot join itself")
  end
  self.joiners = self.joiners or waiters.new()
  self.joiners:add(me)
  wait.suspend(me)
  return result_of(self)
end

--- End the task: an interruption is raised where the task waits, and in each of its
--- further waits. Then its deferred functions run, shielded for 5 s. A task that has not
--- begun never does.
--- @return boolean cancelled false when the function of the task had ended; the deferred
---   functions that still run then have 5 s left
function Task:cancel()
  check_self(self, "cancel")
  if ENDED[self.status] then return false end
  if self.status == "ready" then
    local slot = self.slot
    if C.tl_wait_close(loop, slot, self.generation) == 0 then anchors.clear(slot) end
    complete(self, false, interruption.of_task(self))
    return true
  end
  time_bound.cancel(self, interruption.of_task(self))
  if self.ending then return false end
  if self.status == "running" and self.expired then error(self.expired, 0) end
  return true
end

--- When the task's sleep is over; nil when the task does not sleep.
--- @internal
--- @return number? instant monotonic seconds
function Task:wakes_at()
  if self.status == "waiting" then return wait.due(self) end
end

--- Iterate over the tasks that have not ended.
function task.each()
  return pairs(live)
end

-- ---------------------------------------------------------------------------
-- running the loop

local idle = waiters.new()

local function wake_idle()
  for waiter in idle.take, idle do wait.wake(waiter) end
end

--- Wait, in a task, until nothing else is left to wait for.
function task.wait_idle()
  local self = wait.begin("run")
  idle:add(self)
  wait.suspend(self)
end

core.hook("finish", finish)
core.hook("broken", broken)
core.hook("idle", wake_idle)
wait.make_tasks_by(make_task)

return task
