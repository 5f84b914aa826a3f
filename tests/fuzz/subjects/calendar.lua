-- Time zones and schedules.
local tl = require "timerlua"
local actions = require "actions"
local chance = require "chance"
local pool = require "pool"
local values = require "values"

local add = actions.of "calendar"
local maybe = values.maybe

local NAMES = { "Europe/Berlin", "America/New_York", "Pacific/Apia", "UTC", "+05:30",
  "Etc/GMT+5", "Australia/Lord_Howe" }
local TEXTS = { "* * * * *", "30 2 * * *", "*/15 2 * * *", "0 0 29 2 *", "0 0 L * *",
  "0 0 LW,15W * *", "0 0 13 * 5", "H H * * *", "@daily", "@reboot", "*/10 * * * * *",
  "Mon..Fri 09:30", "*-*~03", "*:0/15", "quarterly UTC", "2012-01-01", "0 0 31 2 *" }

local function moment()
  return maybe(chance.of { 0, -1e9, chance.to(4e9), 1774746000, 253402300799, -62135596800,
    "2026-03-29 02:30", "2026-10-25T00:30:00Z", 1774746000000000000LL,
    { year = 2026, month = 3, day = 29, hour = 2, min = 30 } })
end

add(1, "zone", function() pool.keep("zone", tl.zone(maybe(chance.of(NAMES)))) end)
add(1, "local zone", function() pool.keep("zone", tl.zone()) end)
actions.add_plain(add, "zone", "offset date")
add(1, "zone:offset", function() actions.call("zone", "offset", moment()) end)
add(1, "zone:date", function()
  local fields = actions.call("zone", "date", moment())
  if fields then actions.call("zone", "time", fields) end
end)
add(1, "zone:time", function()
  actions.call("zone", "time", maybe { year = maybe(2026), month = maybe(chance.to(14)),
    day = maybe(chance.to(40)), hour = maybe(chance.to(30)), fold = maybe(chance.of { 0, 1 }) })
end)
add(1, "zone:transitions", function()
  local from = chance.to(4e9)
  actions.call("zone", "transitions", maybe(from), maybe(from + chance.to(1e9)))
end)

add(2, "schedule", function()
  pool.keep("schedule", tl.schedule(maybe(chance.of(TEXTS)), maybe { days = maybe "or",
    tz = maybe(chance.of { chance.of(NAMES), pool.any "zone" }), name = maybe "job",
    gap = maybe(chance.of { "after", "skip" }), fold = maybe(chance.of { "first", "both" }) }))
end)
actions.add_plain(add, "schedule", "next prev describe")
for _, name in ipairs { "next", "prev", "matches" } do
  add(1, "schedule:" .. name, function() actions.call("schedule", name, moment()) end)
end
add(1, "schedule:each", function()
  local from = chance.to(4e9)
  local each = actions.call("schedule", "each", maybe(from), maybe(from + 1e6))
  for _ = 1, 5 do
    if not each or not each() then break end
  end
end)
