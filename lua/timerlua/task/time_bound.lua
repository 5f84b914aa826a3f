-- Limits: parts of a task's run that can be cut short, by a timeout or with a scope. Limits
-- nest. A limit that has run out is itself raised as the error where its task waits, and in
-- every further wait inside the limit, until the limit is left; if several have run out,
-- the outermost is raised.
local wait = require "timerlua.task.wait"

local time_bound = {}

--- @class timerlua.Limit
--- @field waiter timerlua.Waiter the waiter whose run is limited
--- @field outer timerlua.Limit? the next limit around this one
--- @field depth integer
--- @field abandon fun(self) tidies up when its task ended without leaving the limit

--- Begin a limit here, for a running waiter.
function time_bound.enter(self, waiter)
  local outer = waiter.limit
  self.waiter, self.outer = waiter, outer
  self.depth = outer and outer.depth + 1 or 1
  waiter.limit = self
end

--- The limit has run out.
function time_bound.expire(self)
  local waiter = self.waiter
  local expired = waiter.expired
  if expired and expired.depth < self.depth then return end
  waiter.expired = self
  if not waiter.shielded then wait.interrupt(waiter, self, wait.by_limit) end
end

--- End the limit here, in the order of nesting.
function time_bound.leave(self)
  local waiter = self.waiter
  waiter.limit = self.outer
  if waiter.expired == self then waiter.expired = nil end
end

return time_bound
