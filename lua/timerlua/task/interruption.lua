-- Interruptions: the errors that are raised where a task waits that was cancelled, or
-- that has no time left. Each has a task, timeout or scope as its cause.
local callable = require "timerlua.core.callable"
local misuse = require "timerlua.core.misuse"

local getmetatable = debug.getmetatable -- a host may take it from scripts

local interruption = {}

--- @class timerlua.Interruption
--- @since 0.1
--- @field code string "ECANCELED" or "ETIMEDOUT"
local Cancelled, TimedOut = { code = "ECANCELED" }, { code = "ETIMEDOUT" }
Cancelled.__index, TimedOut.__index = Cancelled, TimedOut

-- Keys that scripts meet by next() only, with values that a script may have. A weak table
-- beside the interruptions would keep them: the task that is the cause of an interruption
-- refers to it, and LuaJIT has no ephemerons.
local TEXT, CAUSE = {}, {}

local function make(class, text, cause)
  return setmetatable({ [TEXT] = text, [CAUSE] = cause }, class)
end

local function describe(self)
  return self[TEXT](self[CAUSE])
end

Cancelled.__tostring, TimedOut.__tostring = describe, describe

local function describe_task(task)
  if task == nil then return "task cancelled" end
  local name = type(task.name) == "string" and ": " .. misuse.show(task.name) or ""
  return ("task cancelled%s (%s)"):format(name, tostring(task.site))
end

local function describe_timeout(limit)
  local delay = limit.delay
  local seconds = type(delay) == "number" and delay or tonumber(delay) / 1e9
  return ("timeout of %g s expired (%s)"):format(seconds, callable.site(limit.fn))
end

local function describe_scope(body)
  return ("scope cancelled (%s)"):format(callable.site(body))
end

--- @param task timerlua.Task? nil: the task that runs
function interruption.of_task(task)
  return make(Cancelled, describe_task, task)
end

--- @param limit table its fields delay and fn
function interruption.of_timeout(limit)
  return make(TimedOut, describe_timeout, { delay = limit.delay, fn = limit.fn })
end

--- @param body function
function interruption.of_scope(body)
  return make(Cancelled, describe_scope, body)
end

--- Whether an error that was caught is the interruption of a cancelled task or scope.
--- Raise such an error again: the task is to end.
--- @param err any
--- @return boolean cancelled
function interruption.is_cancelled(err)
  return getmetatable(err) == Cancelled
end

--- Whether an error that was caught is the interruption of an expired `tl.timeout`. Raise
--- such an error again: `tl.timeout` returns once the error reaches it.
--- @param err any
--- @return boolean expired
function interruption.is_timeout(err)
  return getmetatable(err) == TimedOut
end

--- The metatable of all interruptions by being cancelled.
interruption.cancelled = Cancelled

return interruption
