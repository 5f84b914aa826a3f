-- Tasks: straight-line code that waits. Every callback runs in a coroutine of
-- the dispatcher; the first time it waits it becomes a task. Every wait holds
-- one handle of the core, whose timer wakes the coroutine.
local core = require "timerlua.ffi"
local anchors = require "timerlua.anchors"
local callable = require "timerlua.callable"
local duration = require "timerlua.duration"
local errors = require "timerlua.errors"
local misuse = require "timerlua.misuse"

local C, loop, shared, new_id = core.C, core.loop, core.shared, core.new_id
local dispatcher = core.core
local running, yield = coroutine.running, coroutine.yield
local is_yieldable = coroutine.isyieldable
local WAIT = dispatcher.loop -- what a coroutine yields when it waits
local KIND_SLEEP, KIND_TASK = 2, 3

local task = {}

--- @class timerlua.Task
--- @field status string "ready", "running", "waiting", "done", "failed" or
---   "cancelled"
--- @field name string? yours to set
--- @field site string "file:line" where its function was defined
--- @field kind string "task"; "callback" for a callback that waits
local Task = {}

local by_coroutine = {} -- the task that each coroutine is, once it is one
local live = {}         -- every task that has not ended

-- Joins from the main chunk of a plain luajit, which is no task.
local OUTSIDE = {}

-- What a cancelled task sees raised where it waits.
local CANCELLED = setmetatable({}, {
  __tostring = function() return "task cancelled" end,
})
task.cancelled = CANCELLED

function Task.__index(self, key)
  if key == "site" then return callable.site(self.fn) end
  return Task[key]
end

function Task.__tostring(self)
  return ("timerlua.Task: %s%s (%s)"):format(self.status,
    self.name and " " .. misuse.show(self.name) or "", tostring(self.site))
end

local function new_task(kind, fn)
  local self = setmetatable({ kind = kind, fn = fn, status = "running",
    id = new_id() }, Task)
  live[self] = true
  return self
end

-- A callback becomes a task: its timer counts as running until it is over.
local function adopt(co)
  local slot, generation = shared.current_slot, shared.current_generation
  local what, object = anchors.get(slot)
  local self = new_task("callback", anchors.unbind(what))
  self.source = object
  self.timer_slot, self.timer_generation = slot, generation
  shared.adopted = 1
  by_coroutine[co] = self
  return self
end

-- The task that is running; nil in the main chunk of a plain luajit, outside
-- any coroutine of the dispatcher.
local function current(where)
  local co = running()
  local self = by_coroutine[co or false]
  if self then return self end
  local owned = dispatcher.owned()
  if owned == nil then
    if co == nil then return nil end
  elseif owned == co then
    return adopt(co)
  end
  misuse.raise(where, "called in a coroutine of the script's own, which only "
    .. "the script can resume; use tl.spawn")
end

-- The running task, which is about to wait; nil as for current.
local function waiting_task(where)
  local self = current(where)
  if self and not is_yieldable() then
    misuse.raise(where, "called inside a C function (such as table.sort, "
      .. "string.gsub or require), which cannot wait")
  end
  return self
end

-- ---------------------------------------------------------------------------
-- waiting

-- Hand the coroutine back until the handle of self.id wakes it; returns what
-- wake was given.
local function suspend(self)
  self.status = "waiting"
  return self:resumed(yield(WAIT))
end

function Task:resumed(first, ...)
  if dispatcher.owned() ~= self.coroutine then
    -- the script resumed the coroutine itself: it goes on waiting
    return self:resumed(yield(WAIT))
  end
  self.status = "running"
  if first == CANCELLED then error(CANCELLED, 0) end
  return first, ...
end

-- Wake a waiting task on the next turn, with values.
local function wake(self, ...)
  local id = self.id
  local what = anchors.bind(self.coroutine, ...)
  local status = C.tl_timer_rearm(loop, id.slot, id.generation, 0)
  -- a wait that is over has given its slot to somebody else
  if status == 0 then anchors.set_what(id.slot, what) end
  return status
end

local function anchor_wait(self)
  self.coroutine = running()
  anchors.set(self.id.slot, self.coroutine, self)
end

local function raise_if_failed(where, status)
  if status == 0 then return end
  local _, message = errors.failed(where, status)
  error("timerlua." .. message, 0)
end

-- Wait until woken, for no time in particular.
local function park(self, where)
  raise_if_failed(where, C.tl_handle_open(loop, self.id, KIND_SLEEP))
  anchor_wait(self)
  return suspend(self)
end

-- Outside any coroutine: run the loop until done() says so.
local function drive(done)
  repeat
    local finished = dispatcher.run()
  until done() or finished or shared.stopped ~= 0
end

local function sleep_outside(ns)
  local over = false
  local id = new_id()
  raise_if_failed("sleep", C.tl_timer_start(loop, id, ns, ns, 0, 0))
  anchors.set(id.slot, function()
    over = true
    shared.interrupt = 1
  end, id)
  drive(function() return over end)
  if not over then -- tl.stop came first
    C.tl_handle_close(loop, id.slot, id.generation)
    anchors.clear(id.slot)
  end
  return over
end

--- Wait `delay` seconds; the loop goes on meanwhile. Works in the main chunk,
--- in callbacks and in tasks.
--- @param delay number|string|ffi.cdata* as for tl.after; 0 waits one turn
--- @return boolean slept true; false in the main chunk of a plain luajit when
---   tl.stop came first
function task.sleep(delay)
  local ns = duration.to_ns("sleep", "delay", delay)
  local self = waiting_task("sleep")
  if not self then return sleep_outside(ns) end
  raise_if_failed("sleep", C.tl_sleep_start(loop, self.id, ns))
  anchor_wait(self)
  suspend(self)
  return true
end

-- ---------------------------------------------------------------------------
-- starting

local function body(self, fn, ...)
  self.coroutine = running()
  by_coroutine[self.coroutine] = self
  self.status = "running"
  return fn(...)
end

--- Run `fn(...)` as a task of its own, from the next turn on.
--- @param fn function
--- @return timerlua.Task task with join, cancel and status
--- An error that ends it is raised by join if somebody waits there; otherwise
--- it is reported at once, as a callback's is.
function task.spawn(fn, ...)
  callable.check("spawn", "fn", fn)
  local self = new_task("task", fn)
  self.status = "ready"
  local id = self.id
  raise_if_failed("spawn", C.tl_handle_open(loop, id, KIND_TASK))
  anchors.set(id.slot, anchors.bind(body, self, fn, ...), self)
  local status = C.tl_timer_rearm(loop, id.slot, id.generation, 0)
  if status ~= 0 then
    anchors.clear(id.slot)
    C.tl_handle_close(loop, id.slot, id.generation)
    raise_if_failed("spawn", status)
  end
  return self
end

--- The running task; a callback becomes one by asking.
--- @return timerlua.Task? task nil in the main chunk of a plain luajit
function task.current()
  return current("current")
end

--- Run `fn(...)` when the running task or callback ends, however it ends: by
--- returning, by an error, cancelled. The latest deferred runs first.
--- @param fn function
function task.defer(fn, ...)
  callable.check("defer", "fn", fn)
  local self = current("defer")
  if not self then
    misuse.raise("defer", "called outside a task or callback")
  end
  self.deferred = { previous = self.deferred, call = anchors.bind(fn, ...) }
end

-- ---------------------------------------------------------------------------
-- ending

local ENDED = { done = true, failed = true, cancelled = true }

local function call_bound(what)
  if type(what) == "function" then return what() end
  return what[1](unpack(what, 2, what[0]))
end

local function run_deferred(self)
  while self.deferred do
    local entry = self.deferred
    self.deferred = entry.previous
    errors.guard(self, call_bound, entry.call)
  end
end

local function release_timer(self)
  local slot = self.timer_slot
  if slot and C.tl_handle_done(loop, slot, self.timer_generation) == 1 then
    anchors.clear(slot)
  end
end

-- Wake who waits in join, in the order they came; false when nobody does.
local function wake_joiners(self)
  local joiners, order = self.joiners or {}, {}
  self.joiners = nil
  for joiner in pairs(joiners) do order[#order + 1] = joiner end
  table.sort(order, function(a, b) return joiners[a] < joiners[b] end)
  for _, joiner in ipairs(order) do
    if joiner == OUTSIDE then shared.interrupt = 1 else wake(joiner) end
  end
  return #order > 0
end

local function complete(self, ok, ...)
  self.ending = true
  run_deferred(self)
  live[self] = nil
  release_timer(self)
  if ok then
    self.status = "done"
    self.results = { n = select("#", ...), ... }
  elseif (...) == CANCELLED then
    self.status = "cancelled"
  else
    self.status = "failed"
    self.err, self.traceback = ...
  end
  local joined = wake_joiners(self)
  if self.status == "failed" and not joined then
    errors.report(self.err, self.traceback, self.source or self)
  end
end

-- Called by the dispatcher when a task ended or a callback failed, in a
-- coroutine that goes on as that task for its deferred functions.
function dispatcher.hooks.finish(co, object, ok, ...)
  local self = by_coroutine[co]
  by_coroutine[co] = nil
  if self then
    local me = running()
    by_coroutine[me] = self
    complete(self, ok, ...)
    by_coroutine[me] = nil
  elseif not ok and (...) ~= CANCELLED then
    local err, traceback = ...
    errors.report(err, traceback, object)
  end
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

local function add_joiner(self, joiner)
  self.joiners = self.joiners or {}
  self.joins = (self.joins or 0) + 1
  self.joiners[joiner] = self.joins
end

local function join_outside(self)
  add_joiner(self, OUTSIDE)
  drive(function() return ENDED[self.status] end)
  if self.joiners then self.joiners[OUTSIDE] = nil end
end

local function check_self(self, method)
  if getmetatable(self) ~= Task then
    misuse.got("task:" .. method,
      ("it must be called on a task, as task:%s()"):format(method), self)
  end
end

--- Wait until the task has ended.
--- @return any ... what its function returned; nil, message, "ECANCELED" when
---   it was cancelled
--- Raises the error that ended it.
function Task:join()
  check_self(self, "join")
  if ENDED[self.status] then return result_of(self) end
  local me = waiting_task("task:join")
  if me == self then misuse.raise("task:join", "a task cannot join itself") end
  if not me then
    join_outside(self)
  else
    me.joining = self
    add_joiner(self, me)
    park(me, "task:join")
    me.joining = nil
  end
  return result_of(self)
end

--- Have the task see an error where it waits: its pcalls and deferred
--- functions run. One that has not begun never does.
--- @return boolean cancelled false when it had ended
function Task:cancel()
  check_self(self, "cancel")
  if ENDED[self.status] or self.ending then return false end
  if self.status == "ready" then
    C.tl_handle_close(loop, self.id.slot, self.id.generation)
    anchors.clear(self.id.slot)
    complete(self, false, CANCELLED)
  elseif self.status == "waiting" then
    local joining = self.joining
    self.joining, self.idling = nil, nil
    if joining and joining.joiners then joining.joiners[self] = nil end
    wake(self, CANCELLED)
  else
    error(CANCELLED, 0) -- itself
  end
  return true
end

--- When its sleep is over, in monotonic seconds; nil when it does not sleep.
--- @return number? instant
function Task:wakes_at()
  if self.status ~= "waiting" then return nil end
  local due = C.tl_timer_deadline(loop, self.id.slot, self.id.generation)
  if due == due then return due end
end

--- Iterate over the tasks that have not ended.
function task.each()
  return pairs(live)
end

-- ---------------------------------------------------------------------------
-- running the loop

local idle_waiters = {}

function dispatcher.hooks.idle()
  local waiters = idle_waiters
  idle_waiters = {}
  for _, waiter in ipairs(waiters) do
    if waiter.idling then wake(waiter, "idle") end
  end
end

--- Wait until nothing else is left to wait for; for a task.
function task.wait_idle()
  local self = waiting_task("run")
  table.insert(idle_waiters, self)
  self.idling = true
  park(self, "run")
  self.idling = nil
end

return task
