-- Timeouts: a bound on the time that a function may take, all its waits together.
local core = require "timerlua.core.ffi"
local anchors = require "timerlua.core.anchors"
local callable = require "timerlua.core.callable"
local duration = require "timerlua.core.duration"
local errors = require "timerlua.core.errors"
local owner = require "timerlua.core.owner"
local rethrow = require "timerlua.task.rethrow"
local time_bound = require "timerlua.task.time_bound"
local wait = require "timerlua.task.wait"

local C, loop = core.C, core.loop

local timeout = {}

-- A limit, which is also the error raised when the limit has run out.
local Timeout = {}
Timeout.__index = Timeout

function Timeout.__tostring() return "timeout" end

local function run_out(self)
  self.id = nil
  time_bound.expire(self)
end

-- A sleep that runs a function in place of a task.
local function start(self, delay)
  local id = core.new_id()
  local call = anchors.bind(run_out, self)
  local status
  if type(delay) == "number" then
    status = C.tl_sleep_after(loop, id, delay)
  else
    status = C.tl_sleep_start(loop, id, delay)
  end
  if status ~= 0 then
    local _, message = errors.failed("timeout", status)
    error("timerlua." .. message, 0)
  end
  anchors.set(id.slot, call)
  self.id = id
end

-- The task ended without leaving the limit; also the first part of leaving.
function Timeout:abandon()
  local id = self.id
  if not id then return end -- it has run out
  self.id = nil
  C.tl_handle_close(loop, id.slot, id.generation)
  anchors.clear(id.slot)
end

local function failed(self, err)
  if err == self then return nil, "timeout", "ETIMEDOUT" end
  rethrow.raise(err)
end

local function finish(self, ok, ...)
  self:abandon()
  local err = ...
  if not ok and err == self then owner.break_off(self) end
  time_bound.leave(self)
  if self.owned then owner.pass(self, self.outer or self.waiter) end
  if ok then return ... end
  return failed(self, ...)
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
  local waiter = wait.here("timeout")
  local self = setmetatable({}, Timeout)
  if delay ~= 0 then start(self, delay) end
  time_bound.enter(self, waiter)
  if delay == 0 then time_bound.expire(self) end
  return finish(self, rethrow.call(fn, ...))
end

return timeout
