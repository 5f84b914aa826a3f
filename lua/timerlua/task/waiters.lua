-- Waiters in the order they came: tasks, or the main chunk of a plain luajit,
-- that wait for the same thing. A waiter is in at most one list at a time and
-- holds its own links, so that leaving costs the same wherever it stands.
local waiters = {}

--- @class timerlua.Waiters
--- @field count integer
--- @field first table? the one that came first
--- @field values table? what each brought along, if anything
local Waiters = {}
Waiters.__index = Waiters

--- An empty list.
function waiters.new()
  return setmetatable({ count = 0 }, Waiters)
end

--- Stand at the end, maybe with a value. What ends a wait early calls
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

--- Leave, from anywhere in the list. A list may have a field `remove` of its own,
--- which calls this one.
function Waiters:remove(waiter)
  local before, after = waiter.before, waiter.after
  if before then before.after = after else self.first = after end
  if after then after.before = before else self.last = before end
  waiter.list, waiter.before, waiter.after = nil, nil, nil
  self.count = self.count - 1
  if self.values then self.values[waiter] = nil end
end

--- Take off the one that came first.
--- @return table? waiter nil when nobody waits
--- @return any value what it brought along
function Waiters:take()
  local waiter = self.first
  if waiter == nil then return nil end
  local value = self.values and self.values[waiter]
  self:remove(waiter)
  return waiter, value
end

waiters.remove = Waiters.remove

return waiters
