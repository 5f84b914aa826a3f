-- Scopes: tasks that end before the function that started them returns. The first error in
-- a task, or in the function itself (the body), ends all the others and is raised once they
-- have ended.
--
-- The scope is a limit of the task that runs the body: the limit has run out as soon as the
-- others are to end. Once the body has ended, that task waits for the children; if the task
-- is interrupted there, it keeps waiting, since no child may outlive the scope.
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local entries = require "timerlua.core.entries"
local errors = require "timerlua.core.errors"
local misuse = require "timerlua.core.misuse"
local owner = require "timerlua.core.owner"
local interruption = require "timerlua.task.interruption"
local rethrow = require "timerlua.task.rethrow"
local shield = require "timerlua.task.shield"
local task = require "timerlua.task.task"
local time_bound = require "timerlua.task.time_bound"
local wait = require "timerlua.task.wait"
local waiters = require "timerlua.task.waiters"

local is_cancelled = interruption.is_cancelled

local scope = {}

--- @class timerlua.Scope
--- @since 0.1
local Scope = {}
Scope.__index = Scope

function Scope.__tostring(self)
  return ("timerlua.Scope: %s, %d tasks"):format(
    self.finished and "over" or self.cancelled and "cancelled" or "open", self.count)
end

local check_self = check.self_of(Scope, "scope", "a scope")

-- ---------------------------------------------------------------------------
-- ending early

-- Cancel the children in the order in which they were started, but the running one last,
-- because cancelling it raises an error here.
local function cancel_children(self)
  local children, order = self.children, {}
  for child in entries(children) do order[#order + 1] = child end
  table.sort(order, function(a, b) return children[a] < children[b] end)
  local me
  for _, child in ipairs(order) do
    if child.status == "running" then me = child else child:cancel() end
  end
  if me then me:cancel() end
end

local function break_off(self)
  self.cancelled = true
  if not self.body_over then time_bound.expire(self, interruption.of_scope(self.fn)) end
  owner.break_off(self)
  cancel_children(self)
end

-- Keep an error to raise in the end, if it is the first. Later errors, and errors after the
-- scope's task was itself cancelled, are reported.
local function fail(self, err, traceback, source)
  if self.failure or self.interrupted or self.finished then
    return errors.report(err, traceback, source)
  end
  self.failure = { err = err, traceback = traceback, source = source }
  break_off(self)
end

-- The task that runs the scope is cancelled or out of time.
local function interrupt(self, err)
  local failure = self.failure
  if is_cancelled(err) then
    self.interrupted = err
    if failure then
      self.failure = nil
      errors.report(failure.err, failure.traceback, failure.source)
    end
  elseif not failure and not self.interrupted then
    self.interrupted = err
  end
  break_off(self)
end

-- ---------------------------------------------------------------------------
-- children

--- Run `fn(...)` as a task of the scope, as tl.spawn does.
--- @param fn function
--- @param ... any passed to `fn`
--- @return timerlua.Task task
--- Raises when the scope is over or being cancelled. An error that ends the task is raised
--- by `join` if a task waits there; otherwise it cancels the scope and is raised by tl.scope.
function Scope:spawn(fn, ...)
  check_self(self, "spawn")
  callable.check("scope:spawn", "fn", fn)
  if self.finished then
    misuse.raise("scope:spawn", "the scope is over")
  elseif self.cancelled then
    local _, refusal = pcall(misuse.raise, "scope:spawn", "the scope is being cancelled")
    self.refusal = refusal
    error(refusal, 0)
  end
  local child = task.spawn(fn, ...)
  child.scope = self
  self.spawned, self.count = self.spawned + 1, self.count + 1
  self.children[child] = self.spawned
  return child
end

--- Cancel every task of the scope, and the function called by tl.scope where it waits.
--- @return boolean cancelled false when the scope is over
function Scope:cancel()
  check_self(self, "cancel")
  if self.finished then return false end
  break_off(self)
  return true
end

--- For task.lua: a child has failed, and no task has joined it.
--- @internal
function Scope:child_failed(child)
  fail(self, child.err, child.traceback, child)
end

--- For task.lua: a child has ended, and its error has been reported.
--- @internal
function Scope:child_ended(child)
  self.children[child] = nil
  self.count = self.count - 1
  if self.count > 0 then return end
  local waiter = self.ending:take()
  if waiter then wait.wake(waiter) end
end

-- ---------------------------------------------------------------------------
-- the body

local function wait_for_children(self)
  local waiter = wait.begin("scope")
  self.ending:add(waiter)
  return wait.suspend(waiter)
end

-- Wait until no child is left, whatever happens to the task that waits here.
local function drain(self)
  local waiter, guard = self.waiter, nil
  while self.count > 0 do
    local ok, err = pcall(wait_for_children, self)
    if ok and err == wait.loop_ended then
      if guard then time_bound.leave(guard) end
      break_off(self)
      misuse.raise("scope", "the loop ended before its tasks did")
    elseif not ok then
      interrupt(self, err)
      guard = guard or shield.raise(waiter)
    end
  end
  self.finished = true
  if not guard then return end
  time_bound.leave(guard)
  -- an interruption from further out may have come meanwhile
  if waiter.expired and waiter.expired ~= self.interrupted then
    interrupt(self, waiter.expired)
  end
end

--- The body's task ended without returning to the body.
--- @internal
function Scope:abandon()
  self.body_over = true
  break_off(self)
  drain(self)
  local failure = self.failure
  if failure then errors.report(failure.err, failure.traceback, failure.source) end
end

local function body_failed(self, err)
  local waiter, failure = self.waiter, self.failure
  if err ~= nil and err == self.over then return end -- it was broken off
  if is_cancelled(err) or (err ~= nil and err == waiter.expired) then
    return interrupt(self, err)
  end
  if failure and (rawequal(err, failure.err) or rawequal(err, self.refusal)) then return end
  local origin = waiter.origin
  fail(self, err, origin and rawequal(origin.err, err) and origin.traceback, waiter)
end

local function conclude(self, ok, ...)
  local interrupted, failure = self.interrupted, self.failure
  if interrupted then
    rethrow.raise(self.waiter.expired or interrupted)
  elseif failure then
    rethrow.adopt(self.waiter, failure.err, failure.traceback)
    rethrow.raise(failure.err)
  elseif not ok then
    return nil, "scope: cancelled", "ECANCELED"
  end
  return ...
end

local function finish(self, ok, ...)
  self.body_over = true
  time_bound.leave(self)
  if not ok then body_failed(self, ...) end
  drain(self)
  if self.owned then owner.pass(self, self.outer or self.waiter) end
  return conclude(self, ok, ...)
end

--- Call `fn(scope, ...)` and wait until every task started by scope:spawn has ended.
--- @param fn fun(scope: timerlua.Scope, ...)
--- @param ... any passed to `fn` after the scope
--- @return any ... the results of `fn`; nil, "scope: cancelled", "ECANCELED" when
---   scope:cancel stopped it
--- Raises the first error in `fn` or in one of the tasks, once all have ended; that error
--- cancels the others. Further errors are reported.
function scope.scope(fn, ...)
  callable.check("scope", "fn", fn)
  wait.before_limit("scope")
  local waiter = wait.able("scope")
  local self = setmetatable({ fn = fn, children = {}, count = 0, spawned = 0,
    ending = waiters.new() }, Scope)
  time_bound.enter(self, waiter)
  return finish(self, rethrow.call(fn, self, ...))
end

return scope
