-- Ownership: what ends when the task, scope or timeout in which it was begun is cut short.
-- When an owner ends by itself, the things it owns pass to the owner around it, and from
-- the outermost owner to no owner.
--
-- The things of an owner form a list through themselves, so a thing that comes and goes
-- allocates nothing.
local owner = {}

--- @class timerlua.Owner a task or a limit
--- @field owned table? the latest thing; each has a method disowned()
--- @field broken boolean? the owner was cut short, so it keeps nothing

--- Have `thing` belong to an owner; nil: to none.
function owner.add(to, thing)
  if to == nil then return end
  if to.broken then return thing:disowned() end
  local last = to.owned
  thing.owner, thing.owned_before = to, last
  if last then last.owned_after = thing end
  to.owned = thing
end

-- The latest things that callbacks began which are not tasks, or not yet. Each thing has
-- its callback's number, and links to the thing begun before it.
local last_begun

--- The thing has ended, or belongs to no owner any more.
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

--- The remaining things belong to another owner from now on, or to none.
function owner.pass(from, to)
  while from.owned do
    local thing = from.owned
    owner.remove(thing)
    owner.add(to, thing)
  end
end

--- The owner is cut short: its things are informed.
function owner.break_off(from)
  from.broken = true
  while from.owned do
    local thing = from.owned
    owner.remove(thing)
    thing:disowned()
  end
end

--- Have `thing` belong to the running callback, the one with this number.
function owner.begun(thing, number)
  thing.begun_by = number
  thing.begun_before = last_begun and last_begun.begun_by == number and last_begun or nil
  last_begun = thing
end

--- That callback has become a task: what it began, and still runs, belongs to the task.
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
