-- Passing errors on, for code that calls a script's function, has to tidy up however the
-- function ends, and then raises the same error as if nothing had intervened: the error's
-- own traceback is kept for the report.
local interruption = require "timerlua.task.interruption"
local wait = require "timerlua.task.wait"
local xpcall = require "timerlua.core.native_xpcall"

local is_cancelled = interruption.is_cancelled

local rethrow = {}

--- Raise an error that rethrow.call has caught.
function rethrow.raise(err)
  error(err, 0)
end

-- How a traceback begins when the error was raised by rethrow.raise.
local OURS = "^stack traceback:\n\t%[C%]: in function 'error'\n\t[^\n]*rethrow%.lua:"

local function note(err)
  local self = wait.task()
  if self == nil or is_cancelled(err) then return err end
  local frame = debug.getinfo(3, "f") -- above this function and error itself
  if not (frame and frame.func == rethrow.raise) then
    self.origin = { err = err, traceback = debug.traceback("", 2):sub(2) }
  end
  return err
end

--- Like pcall. In the end, the caller passes the error to rethrow.raise.
function rethrow.call(fn, ...)
  return xpcall(fn, note, ...)
end

--- Let an error that ended another task count as an error of this waiter.
function rethrow.adopt(waiter, err, traceback)
  waiter.origin = { err = err, traceback = traceback }
end

--- The traceback of the original error, for an error that was raised with this one.
function rethrow.traceback(waiter, err, traceback)
  local origin = waiter.origin
  if origin and rawequal(origin.err, err) and traceback and traceback:find(OURS) then
    return origin.traceback
  end
  return traceback
end

return rethrow
