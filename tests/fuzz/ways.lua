-- The ways in which an action comes to be called, and what is then done about its error.
local tl = require "timerlua"
local actions = require "actions"
local chance = require "chance"
local judge = require "judge"
local pool = require "pool"

local REMEMBERED = 40

local ways = { trace = false, finalizers = true }

local trail, position = {}, 0

local function note(name)
  if ways.trace then
    io.stdout:write("> ", name, "\n")
    io.stdout:flush()
  end
  position = position % REMEMBERED + 1
  trail[position] = name
end

--- The latest actions, the last one last.
function ways.trail()
  local names = {}
  for i = 1, REMEMBERED do names[#names + 1] = trail[(position + i - 1) % REMEMBERED + 1] end
  return table.concat(names, ", ")
end

local function plainly(run) return pcall(run) end

local sorting = false -- one sort inside another would only be slow

local function in_sort(run)
  if sorting then return pcall(run) end
  sorting = true
  local ok, err = true, nil
  local called = false
  pcall(table.sort, { 3, 1, 2 }, function(a, b)
    if not called then
      called = true
      ok, err = pcall(run)
    end
    return a < b
  end)
  sorting = false
  return ok, err
end

local function in_gsub(run)
  return pcall(string.gsub, "x", "x", function() run() end)
end

local function in_coroutine(run)
  return coroutine.resume(coroutine.create(run))
end

local function in_generator(run)
  return pcall(coroutine.wrap(function()
    coroutine.yield(pcall(run))
  end))
end

local function in_finalizer(run)
  if not ways.finalizers then return pcall(run) end
  local ok, err = true, nil
  getmetatable(newproxy(true)).__gc = function() ok, err = pcall(run) end
  collectgarbage()
  return ok, err
end

local function in_task(run)
  pool.keep("task", tl.spawn(run))
  return true
end

local function deferred(run)
  tl.defer(run)
  return true
end

local WAYS = { in_sort, in_gsub, in_coroutine, in_generator, in_finalizer, in_task, deferred }
local SPECIAL = 15 -- in a hundred
local UNGUARDED = 8

--- Do something. The error of one call in ten goes on to the caller, and so does being
--- cancelled, mostly: otherwise no task that acts would come to its end.
function ways.act()
  local action = actions.any()
  note(action.name)
  local draw = chance.to(100)
  if draw <= UNGUARDED then return action.run() end
  local way = draw <= UNGUARDED + SPECIAL and chance.of(WAYS) or plainly
  local ok, err = way(action.run)
  if ok then return end
  judge.error(action.name, err)
  if type(err) == "table" and chance.percent(60) then error(err, 0) end
end

return ways
