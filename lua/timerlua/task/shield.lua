-- Shields: cleaning up in peace. The interruptions of a task wait while a function
-- runs, for a bounded time.
local callable = require "timerlua.core.callable"
local duration = require "timerlua.core.duration"
local rethrow = require "timerlua.task.rethrow"
local time_bound = require "timerlua.task.time_bound"
local wait = require "timerlua.task.wait"

local DEFAULT_GRACE = 5 -- seconds

local shield = {}

-- A limit.
local Shield = {}
Shield.__index = Shield

-- By time_bound.lua: an interruption is being kept away.
function Shield:begin_grace()
  if self.begun then return end
  self.begun = true
  if self.grace == 0 or time_bound.arm(self, self.grace, time_bound.expose) ~= 0 then
    self.shields = false
  end
end

Shield.abandon = time_bound.disarm

local function finish(self, ok, ...)
  time_bound.disarm(self)
  time_bound.leave(self)
  if ok then return ... end
  rethrow.raise((...))
end

local function run(waiter, grace, fn, ...)
  local self = setmetatable({ shields = true, grace = grace }, Shield)
  time_bound.enter(self, waiter)
  return finish(self, rethrow.call(fn, ...))
end

--- Run `fn(...)` for a waiter that runs, shielded for the default grace.
function shield.run(waiter, fn, ...)
  return run(waiter, DEFAULT_GRACE, fn, ...)
end

--- Keep every interruption away, for as long as the caller wants.
--- @return timerlua.Limit limit for time_bound.leave
function shield.raise(waiter)
  local self = setmetatable({ shields = true, begun = true }, Shield)
  time_bound.enter(self, waiter)
  return self
end

--- Call `fn()`, which may wait though the task is cancelled or a `tl.timeout` around it has
--- expired: `fn` is not interrupted until `grace` has passed since the interruption, or
--- since the call if the interruption came before. The interruption is raised in the next
--- wait after `fn`.
--- @param fn function
--- @param grace? timerlua.Duration default 5 s
--- @return any ... the results of `fn`
--- Raises the error of `fn`.
function shield.shield(fn, grace)
  callable.check("shield", "fn", fn)
  grace = grace == nil and DEFAULT_GRACE or duration.of("shield", "grace", grace)
  wait.before_limit("shield")
  return run(wait.here("shield"), grace, fn)
end

return shield
