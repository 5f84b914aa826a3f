-- Pools of the objects that a run has made, by kind. They are bounded: a new object takes
-- the place of an old one, which is then garbage.
local chance = require "chance"

local MOST = 24 -- of each kind

local pool = {}

local kinds = {}

--- Keep an object; nil is no object.
--- @return any object
function pool.keep(kind, object)
  if object == nil then return nil end
  local list = kinds[kind] or {}
  kinds[kind] = list
  list[#list < MOST and #list + 1 or chance.to(#list)] = object
  return object
end

--- An object of a kind, or nil.
function pool.any(kind)
  local list = kinds[kind]
  return list and #list > 0 and chance.of(list) or nil
end

--- An object of any kind, or nil.
function pool.stranger()
  local names = chance.sorted_keys(kinds)
  return #names > 0 and pool.any(chance.of(names)) or nil
end

--- Leave one object to the collector.
function pool.forget(kind)
  local list = kinds[kind]
  if list and #list > 0 then table.remove(list, chance.to(#list)) end
end

--- Empty the pools.
--- @return table[] objects all that were in them
function pool.empty()
  local all = {}
  for _, list in pairs(kinds) do
    for _, object in ipairs(list) do all[#all + 1] = object end
  end
  kinds = {}
  return all
end

return pool
