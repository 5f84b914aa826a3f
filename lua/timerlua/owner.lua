-- Ownership: what is to end when the task, scope or timeout in which it was
-- begun is broken off. Where that ends by itself, what it owns passes to what
-- is around it, and from the last to nobody.
local owner = {}

--- @class timerlua.Owner a task or a limit
--- @field owned table<table, true>? what it owns; each has a method disowned()
--- @field broken boolean? it was broken off, so it keeps nothing

--- Have `thing` belong to an owner; nil: to nobody.
function owner.add(to, thing)
  if to == nil then return end
  if to.broken then return thing:disowned() end
  to.owned = to.owned or {}
  to.owned[thing] = true
  thing.owner = to
end

--- It has ended.
function owner.remove(thing)
  local from = thing.owner
  if not from then return end
  from.owned[thing] = nil
  thing.owner = nil
end

--- What is left belongs to another owner from now on, or to nobody.
function owner.pass(from, to)
  local things = from.owned
  from.owned = nil
  for thing in pairs(things or {}) do
    thing.owner = nil
    owner.add(to, thing)
  end
end

--- It is broken off: what it owns is told so.
function owner.break_off(from)
  local things = from.owned
  from.broken, from.owned = true, nil
  for thing in pairs(things or {}) do
    thing.owner = nil
    thing:disowned()
  end
end

return owner
