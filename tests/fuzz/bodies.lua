-- The bodies of callbacks and tasks: they act, wait, raise, end themselves, collect
-- garbage.
local tl = require "timerlua"
local chance = require "chance"
local judge = require "judge"
local values = require "values"
local ways = require "ways"

local DEEPEST = 6 -- bodies inside bodies

local function act(...)
  for _ = 1, chance.to(2) do ways.act() end
  return ...
end

local function wait_and_act(...)
  tl.sleep(chance.of { 0, 0, 0.001, 0.003, "1ms" })
  ways.act()
  return ...
end

local function raise()
  local silent = setmetatable({}, { __tostring = function()
    error(judge.own_text "no text", 0)
  end })
  error(chance.of { judge.own_text "an error", 42, false, judge.own {}, judge.own(silent) }, 0)
end

local function end_own(object, ...)
  if type(object) == "userdata" then return object, ... end -- such as io.stdout
  local name = chance.of { "cancel", "close", "abort" }
  pcall(function() object[name](object) end)
  return object, ...
end

local function end_task(...)
  local task = tl.current()
  if task then task:cancel() end
  return ...
end

local function swallow(...)
  pcall(tl.sleep, 0.002)
  return ...
end

local function collect(...)
  collectgarbage()
  return ...
end

local function nothing(...) return ... end

local BODIES = { act, act, act, act, act, act, collect, wait_and_act, raise, end_own, end_task,
  swallow, nothing, nothing }

local depth = 0

local function leave(...)
  depth = depth - 1
  return ...
end

local function make()
  local body = chance.of(BODIES)
  return function(...)
    -- only what acts at once can nest; a wait leaves the count to others meanwhile
    if body ~= act then return body(...) end
    if depth >= DEEPEST then return ... end
    depth = depth + 1
    local ok, err = leave(pcall(body, ...))
    if not ok then error(err, 0) end
    return ...
  end
end

values.set_callback(make)

return make
