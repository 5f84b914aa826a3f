-- Waiters in order of arrival: tasks, or the main chunk of a plain luajit, that wait for
-- the same thing. A waiter is in at most one list at a time and holds its own links, so
-- that leaving costs the same at every position.
local waiters = {}

--- @class timerlua.Waiters
--- @field count integer
--- @field first table? the one that came first
--- @field values table? the value that each waiter brought along, if any
local Waiters = {}
Waiters.__index = Waiters

--- An empty list.
function waiters.new()
  return setmetatable({ count = 0 }, Waiters)
end

--- Join at the end, perhaps with a value. A wait that ends early calls
--- `waiter.list:remove(waiter)`.
function Waiters:add(waiter, value)
  local last = self.last
  if last then last.after = waiter else self.first = waiter end
  self.last = waiter
  waiter.list, waiter.before = self, last
  self.count = self.count + 1
  if value ~= nil then
    self.values = self.values or {}
    self.values[waiter] = value
  end
end

--- Leave, from anywhere in the list. A list may have its own field `remove`, which calls
--- this function.
function Waiters:remove(waiter)
  local before, after = waiter.before, waiter.after
  if before then before.after = after else self.first = after end
  if after then after.before = before else self.last = before end
  waiter.list, waiter.before, waiter.after = nil, nil, nil
  self.count = self.count - 1
  if self.values then self.values[waiter] = nil end
end

--- Take the first waiter off the list.
--- @return table? waiter nil when no task waits
--- @return any value the value that the waiter brought along
function Waiters:take()
  local waiter = self.first
  if waiter == nil then return nil end
  local value = self.values and self.values[waiter]
  self:remove(waiter)
  return waiter, value
end

waiters.remove = Waiters.remove

return waiters
