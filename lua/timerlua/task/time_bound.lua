-- Limits: stretches of a task's run that can be broken off, by a timeout or
-- with a scope. They nest. One that runs out is itself raised where its task
-- waits, and in every further wait inside it, until it is left; of several,
-- the outermost.
local wait = require "timerlua.task.wait"

local time_bound = {}

--- @class timerlua.Limit
--- @field waiter timerlua.Waiter whose run it is
--- @field outer timerlua.Limit? the next one around it
--- @field depth integer
--- @field abandon fun(self) tidies up when its task ended without leaving it

--- Have a limit begin here, for a waiter that runs.
function time_bound.enter(self, waiter)
  local outer = waiter.limit
  self.waiter, self.outer = waiter, outer
  self.depth = outer and outer.depth + 1 or 1
  waiter.limit = self
end

--- It has run out.
function time_bound.expire(self)
  local waiter = self.waiter
  local expired = waiter.expired
  if expired and expired.depth < self.depth then return end
  waiter.expired = self
  if not waiter.shielded then wait.interrupt(waiter, self, wait.by_limit) end
end

--- It ends here, in the order of nesting.
function time_bound.leave(self)
  local waiter = self.waiter
  waiter.limit = self.outer
  if waiter.expired == self then waiter.expired = nil end
end

return time_bound
