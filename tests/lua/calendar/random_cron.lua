-- Cron's schedules by chance, for schedules_spec.lua.
local random = math.random

local random_cron = {}

local MONTHS = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov",
  "dec" }
local WEEKDAYS = { [0] = "sun", "mon", "tue", "wed", "thu", "fri", "sat" }

local function one_of(list) return list[random(#list)] end

local function value(least, most, names)
  local number = random(least, most)
  return names and names[number] and random(2) == 1 and names[number] or tostring(number)
end

local function item(least, most, names)
  local kind = random(10)
  if kind <= 4 then return value(least, most, names) end
  if kind <= 6 then return value(least, most, names) .. "-" .. value(least, most, names) end
  local step = random(math.min(most, 25))
  if kind == 7 then return "*/" .. step end
  if kind == 8 then return value(least, most) .. "/" .. step end
  if kind == 9 then return random(least, most) .. "-" .. random(least, most) .. "/" .. step end
  return value(least, most, names)
end

local function list(least, most, names)
  local items = {}
  for i = 1, one_of { 1, 1, 1, 2, 3 } do items[i] = item(least, most, names) end
  return table.concat(items, ",")
end

local function day()
  local kind = random(12)
  if kind == 1 then return "L" end
  if kind == 2 then return "LW" end
  if kind == 3 then return "L-" .. random(30) end
  if kind == 4 then return random(31) .. "W" end
  if kind == 5 then return "?" end
  if kind == 6 then return "L-" .. random(5) .. "," .. random(28) .. "W" end
  return list(1, 31)
end

local function weekday()
  local kind = random(8)
  if kind == 1 then return WEEKDAYS[random(0, 6)] .. "#" .. random(5) end
  if kind == 2 then return random(0, 7) .. "L" end
  if kind == 3 then return "?" end
  if kind == 4 then return random(0, 6) .. "-" .. random(0, 7) end
  return (list(0, 6, WEEKDAYS):gsub("/(%d+)", function(step) return "/" .. step % 6 + 1 end))
end

local function hour()
  local kind = random(6)
  if kind <= 3 then return tostring(random(0, 4)) end -- clocks are changed at night
  if kind == 4 then return "*" end
  return list(0, 23)
end

--- The text of a schedule; mostly one that comes on many days.
function random_cron.text()
  local words = {
    one_of { "*", list(0, 59), tostring(random(0, 59)), "0", "30" },
    hour(),
    random(3) == 1 and day() or "*",
    random(4) == 1 and list(1, 12, MONTHS) or "*",
    random(3) == 1 and weekday() or "*",
  }
  if random(6) == 1 then
    table.insert(words, 1, one_of { "*/20", "0", tostring(random(0, 59)), "10,40" })
  end
  return table.concat(words, " ")
end

--- A case: text, tz, gap, fold, days, and the instant from which it is searched.
--- @param zones timerlua.Zone[]
--- @param first integer the instants that the case may begin at
--- @param last integer
function random_cron.case(zones, first, last)
  local zone = one_of(zones)
  local case = { text = random_cron.text(), tz = zone.name, gap = one_of { "after", "skip" },
    fold = one_of { "first", "last", "both" }, days = one_of { "or", "and" },
    start = random(first, last) }
  local changes = zone:transitions(first, last)
  if #changes > 0 and random(3) > 1 then -- before or after a change of the clock
    case.start = one_of(changes).at + one_of { 0, -1, 1, random(-90000, 90000) }
  end
  return case
end

return random_cron
