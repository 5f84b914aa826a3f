-- The actions of a run, each a use of the API that may raise and may wait.
local chance = require "chance"
local pool = require "pool"
local values = require "values"

local ERRANT = 2 -- in a hundred calls of a method, the object is an absurd one

local actions = {}

local list = {} -- an action occurs in it as often as its weight says
local skipped = {}

--- Leave out subjects: "processes,signals".
function actions.skip(subjects)
  for name in subjects:gmatch "[%w_]+" do skipped[name] = true end
end

--- A function that adds actions of a subject: add(weight, name, run).
function actions.of(subject)
  return function(weight, name, run)
    if skipped[subject] then return end
    for _ = 1, weight do list[#list + 1] = { name = name, run = run } end
  end
end

--- Call a method of an object of a kind, if there is one.
function actions.call(kind, name, ...)
  local object = pool.any(kind)
  if object == nil then return end
  local method = object[name]
  return method(chance.percent(ERRANT) and values.absurd() or object, ...)
end

--- Add an action for each of these methods, which take no arguments.
function actions.add_plain(add, kind, names)
  for name in names:gmatch "[%w_]+" do
    add(1, kind .. ":" .. name, function() return actions.call(kind, name) end)
  end
  add(1, "text of " .. kind, function() return tostring(pool.any(kind)) end)
end

--- An action.
function actions.any()
  return chance.of(list)
end

return actions
