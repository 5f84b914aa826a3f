-- Debounced and throttled functions.
local tl = require "timerlua"
local actions = require "actions"
local chance = require "chance"
local pool = require "pool"
local values = require "values"

local add = actions.of "timers"
local maybe, short = values.maybe, values.short

add(2, "debounce", function()
  pool.keep("paced", tl.debounce(maybe(short()), maybe(values.callback()),
    maybe { leading = maybe(chance.percent(50)), max_wait = maybe(0.005) }))
end)

add(2, "throttle", function()
  pool.keep("paced", tl.throttle(maybe(short()), maybe(values.callback()),
    maybe { leading = maybe(chance.percent(50)), trailing = maybe(true) }))
end)

add(8, "paced", function()
  local paced = pool.any "paced"
  if paced then paced(values.absurd(), 2, maybe(3), 4, values.absurd()) end
end)

actions.add_plain(add, "paced", "cancel flush")
