-- Timeouts: a bound on how long a function may take, all its waits together.
local callable = require "timerlua.core.callable"
local duration = require "timerlua.core.duration"
local owner = require "timerlua.core.owner"
local interruption = require "timerlua.task.interruption"
local rethrow = require "timerlua.task.rethrow"
local time_bound = require "timerlua.task.time_bound"
local wait = require "timerlua.task.wait"

local timeout = {}

-- A limit.
local Timeout = {}
Timeout.__index = Timeout

local function run_out(self)
  time_bound.expire(self, interruption.of_timeout(self))
end

Timeout.abandon = time_bound.disarm

local function finish(self, ok, ...)
  time_bound.disarm(self)
  local err = ...
  local timed_out = not ok and self.over ~= nil and err == self.over
  if timed_out then owner.break_off(self) end
  time_bound.leave(self)
  if self.owned then owner.pass(self, self.outer or self.waiter) end
  if ok then return ... end
  if timed_out then return nil, "timeout", "ETIMEDOUT" end
  rethrow.raise(err)
end

--- Call `fn(...)` for at most `delay`: after that, an error is raised where `fn` waits, and
--- in each later wait. Timeouts nest. A timeout that runs out while `fn` does not wait
--- takes effect only if `fn` waits again.
--- @param delay timerlua.Duration 0 allows no wait
--- @param fn function
--- @param ... any passed to `fn`
--- @return any ... the results of `fn`; nil, "timeout", "ETIMEDOUT" when `fn` was cut short
--- Raises the error of `fn`.
function timeout.timeout(delay, fn, ...)
  delay = duration.of("timeout", "delay", delay)
  callable.check("timeout", "fn", fn)
  wait.before_limit("timeout")
  local waiter = wait.here("timeout")
  local self = setmetatable({ delay = delay, fn = fn }, Timeout)
  if delay ~= 0 then time_bound.must_arm(self, delay, run_out, "timeout") end
  time_bound.enter(self, waiter)
  if delay == 0 then run_out(self) end
  return finish(self, rethrow.call(fn, ...))
end

return timeout
