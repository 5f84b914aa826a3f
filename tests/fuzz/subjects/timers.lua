-- Timers, clocks and the slack.
local tl = require "timerlua"
local actions = require "actions"
local chance = require "chance"
local pool = require "pool"
local values = require "values"

local add = actions.of "timers"
local maybe, short = values.maybe, values.short

-- A timer that ends also when nobody remembers it.
local function keep(timer)
  if timer then tl.after(0.02, function() timer:cancel() end) end
  return pool.keep("timer", timer)
end

add(6, "after", function()
  pool.keep("timer", tl.after(maybe(short()), maybe(values.callback()), values.absurd()))
end)

add(3, "every", function()
  keep(tl.every(maybe(chance.of { 0.001, 0.0001, "1ms", 0.003, 1e-5 }),
    maybe(values.callback())))
end)

add(2, "at", function()
  keep(tl.at(maybe(tl.time() + chance.of { -1, 0, 0.001, 0.002 }), maybe(values.callback())))
end)

local FORMS = {
  function(options) options.after = maybe(short()) end,
  function(options)
    options.every = maybe(0.001)
    if chance.percent(50) then options.first = maybe(short()) end
  end,
  function(options) options.at, options.clock = maybe(tl.time()), nil end,
}

add(3, "timer", function()
  local options = { fn = maybe(values.callback()), limit = maybe(chance.of { 1, 2, 3 }),
    args = maybe { 1, 2 }, name = maybe "name",
    clock = maybe(chance.of { "monotonic", "realtime", "boottime" }) }
  chance.of(FORMS)(options)
  keep(tl.timer(maybe(options)))
end)

actions.add_plain(add, "timer", "cancel pause resume ref")

add(2, "timer:reset", function() actions.call("timer", "reset") end)

add(4, "timer:reset with arguments", function()
  local timer = pool.any "timer"
  if not timer then return end
  timer:reset(maybe(short()), chance.percent(40) and maybe(chance.of { 0, 0.001, 0.002 }) or nil)
  tl.after(0.02, function() timer:cancel() end)
end)

add(2, "timer:next", function() actions.call("timer", "next", maybe(chance.to(3))) end)

add(1, "timer:unref", function()
  local timer = pool.any "timer"
  if timer then timer:unref():ref() end
end)

local FIELDS = { "due", "late", "missed", "missed_total", "runs", "period", "clock", "site",
  "active", "running", "paused", "kind" }

add(3, "fields of timer", function()
  local timer = pool.any "timer"
  if not timer then return end
  for _, name in ipairs(FIELDS) do assert(timer[name] ~= "") end
  timer.name = maybe "another"
  local _ = timer.name
end)

add(1, "unknown field of timer", function()
  local timer = pool.any "timer"
  if timer then return timer[chance.of { "stop", "close", "slot", 1 }] end
end)

add(1, "clock", function()
  tl.slack(chance.percent(50) and values.limit(chance.of { 0, "125us", 0.001 }) or nil)
  return tl.now() + tl.time() + tl.clock.boottime(), tl.clock.is_virtual()
end)

add(1, "clock that is real", function()
  tl.clock[chance.of { "advance", "step_wall", "suspend" }](maybe(tl.clock), maybe(1))
end)
