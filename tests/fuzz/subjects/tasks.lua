-- Tasks, timeouts, shields, scopes.
local tl = require "timerlua"
local actions = require "actions"
local chance = require "chance"
local pool = require "pool"
local values = require "values"

local add = actions.of "tasks"
local maybe, short = values.maybe, values.short

add(5, "spawn", function()
  pool.keep("task", tl.spawn(maybe(values.callback()), values.absurd()))
end)

add(2, "sleep", function() tl.sleep(values.limit(short())) end)

add(2, "task:cancel", function() actions.call("task", "cancel") end)

add(2, "task:join", function()
  tl.timeout(0.01, actions.call, "task", "join")
end)

add(1, "fields of task", function()
  local task = pool.any "task"
  if not task then return end
  task.name = maybe "task"
  return tostring(task), task.status, task.site, task.kind
end)

add(1, "current", function() pool.keep("task", tl.current()) end)

add(3, "defer", function() tl.defer(maybe(values.callback()), values.absurd()) end)

add(4, "timeout", function()
  return tl.timeout(values.limit(short()), maybe(values.callback()), values.absurd())
end)

add(1, "timeout of 0", function() return tl.timeout(0, values.callback()) end)

add(2, "shield", function()
  return tl.shield(maybe(values.callback()), values.limit(chance.of { 0.001, "2ms", 0.005 }))
end)

add(2, "shield around a wait", function()
  return tl.timeout(short(), tl.shield, function()
    tl.sleep(0.001)
    return values.callback()()
  end, 0.01)
end)

add(1, "kind of error", function()
  local value = values.absurd()
  return tl.is_cancelled(value), tl.is_timeout(value)
end)

local function in_scope(scope)
  pool.keep("scope", scope)
  for _ = 1, chance.to(3) do pool.keep("task", scope:spawn(maybe(values.callback()))) end
  values.callback()()
  if chance.percent(30) then scope:cancel() end
  return "done"
end

add(4, "scope", function() return tl.timeout(0.03, tl.scope, maybe(in_scope)) end)

add(1, "scope:spawn", function()
  pool.keep("task", actions.call("scope", "spawn", maybe(values.callback())))
end)

add(1, "scope:cancel", function() actions.call("scope", "cancel") end)

-- What a script does against being cancelled.
add(1, "loop that catches everything", function()
  tl.timeout(0.001, function()
    for _ = 1, chance.to(150) do pcall(tl.sleep, 0.001) end
  end)
end)
