-- Ownership: what is to end when the task, scope or timeout in which it was
-- begun is broken off. Where that ends by itself, what it owns passes to what
-- is around it, and from the last to nobody.
--
-- The things of an owner are a list through themselves, so nothing is made for
-- one that comes and goes.
local owner = {}

--- @class timerlua.Owner a task or a limit
--- @field owned table? the last thing that came; each has a method disowned()
--- @field broken boolean? it was broken off, so it keeps nothing

--- Have `thing` belong to an owner; nil: to nobody.
function owner.add(to, thing)
  if to == nil then return end
  if to.broken then return thing:disowned() end
  local last = to.owned
  thing.owner, thing.owned_before = to, last
  if last then last.owned_after = thing end
  to.owned = thing
end

-- What a callback that is no task, or not yet, began last. Each such thing has
-- its number, and leads to what it began before.
local last_begun

--- It has ended, or belongs to nobody any more.
function owner.remove(thing)
  if last_begun == thing then
    local before = thing.begun_before
    last_begun = before and before.begun_by and before or nil
  end
  if thing.begun_by then thing.begun_by, thing.begun_before = nil, nil end
  local from = thing.owner
  if not from then return end
  local before, after = thing.owned_before, thing.owned_after
  thing.owner, thing.owned_before, thing.owned_after = nil, nil, nil
  if before then before.owned_after = after end
  if after then after.owned_before = before else from.owned = before end
end

--- What is left belongs to another owner from now on, or to nobody.
function owner.pass(from, to)
  while from.owned do
    local thing = from.owned
    owner.remove(thing)
    owner.add(to, thing)
  end
end

--- It is broken off: what it owns is told so.
function owner.break_off(from)
  from.broken = true
  while from.owned do
    local thing = from.owned
    owner.remove(thing)
    thing:disowned()
  end
end

--- The running callback began it, the one with this number.
function owner.begun(thing, number)
  thing.begun_by = number
  thing.begun_before = last_begun and last_begun.begun_by == number and last_begun or nil
  last_begun = thing
end

--- That callback has become a task: what it began, and still runs, is its.
function owner.adopt(task, number)
  local thing = last_begun
  last_begun = nil
  while thing and thing.begun_by == number do
    local before = thing.begun_before
    thing.begun_by, thing.begun_before = nil, nil
    owner.add(task, thing)
    thing = before
  end
end

return owner
