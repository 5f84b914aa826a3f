-- Schedules in English, from the sets of numbers that their texts mean.
local entries = require "timerlua.core.entries"

local describe = {}

local MONTHS = { "January", "February", "March", "April", "May", "June", "July", "August",
  "September", "October", "November", "December" }
local WEEKDAYS = { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday" }

local MOST_TIMES = 6 -- that are listed one by one

-- ---------------------------------------------------------------------------
-- sets as words

local function sorted(set)
  local list = {}
  for value in entries(set) do list[#list + 1] = value end
  table.sort(list)
  return list
end

local function join(words, last)
  if #words < 2 then return words[1] or "" end
  return table.concat(words, ", ", 1, #words - 1) .. " " .. (last or "and") .. " " .. words[#words]
end

-- The items of a sorted list, three or more in a row as "1 to 5".
local function runs_of(list, name)
  local words, i = {}, 1
  while i <= #list do
    local last = i
    while list[last + 1] == list[last] + 1 do last = last + 1 end
    if last - i >= 2 then
      words[#words + 1] = ("%s to %s"):format(name(list[i]), name(list[last]))
    else
      for k = i, last do words[#words + 1] = name(list[k]) end
    end
    i = last + 1
  end
  return words
end

local function number(value) return ("%d"):format(value) end

local function ordinal(n)
  local ending = ({ "st", "nd", "rd" })[n % 10]
  if n % 100 >= 11 and n % 100 <= 13 then ending = nil end
  return n .. (ending or "th")
end

local function ordinal_last(n)
  return n == 0 and "last" or ordinal(n + 1) .. " last"
end

-- The step of numbers that divide their range evenly, such as 0, 15, 30, 45; nil otherwise.
local function step_of(list, size)
  local step = size / #list
  if step % 1 ~= 0 or list[1] >= step then return nil end
  for i = 2, #list do
    if list[i] ~= list[i - 1] + step then return nil end
  end
  return step
end

-- ---------------------------------------------------------------------------
-- the time of day

local function clock_times(hours, minutes, seconds)
  local times = {}
  for _, hour in ipairs(hours) do
    for _, minute in ipairs(minutes) do
      for _, second in ipairs(seconds) do
        times[#times + 1] = (#seconds > 1 or second ~= 0)
          and ("%02d:%02d:%02d"):format(hour, minute, second) or ("%02d:%02d"):format(hour, minute)
      end
    end
  end
  return "at " .. join(times)
end

-- "every 15 minutes", "at minutes 0 and 20"
local function unit(list, size, noun)
  local step = step_of(list, size)
  if step == 1 then return "every " .. noun end
  if step and step < size then
    local from = list[1] ~= 0 and (" from %s %d"):format(noun, list[1]) or ""
    return ("every %d %ss%s"):format(step, noun, from)
  end
  return ("at %s%s %s"):format(noun, #list > 1 and "s" or "", join(runs_of(list, number)))
end

local function hours_of(list)
  local first, last = list[1], list[#list]
  if #list == 24 then return "" end
  if last - first == #list - 1 then return (" from %02d:00 to %02d:59"):format(first, last) end
  local step = step_of(list, 24)
  if step then
    return (" in every %s hour%s"):format(ordinal(step),
      first == 0 and "" or (" from %02d:00"):format(first))
  end
  return " in the hours " .. join(runs_of(list, number))
end

local function every_hour(hours, minutes)
  local step = step_of(hours, 24)
  local at = (#minutes > 1 or minutes[1] ~= 0) and " " .. unit(minutes, 60, "minute") or ""
  if step == 1 then return "every hour" .. at end
  local from = hours[1] ~= 0 and (" from %02d:00"):format(hours[1]) or ""
  return ("every %d hours%s%s"):format(step, from, at)
end

local function time_of(sets)
  local hours, minutes, seconds = sorted(sets.hour), sorted(sets.minute), sorted(sets.second)
  if #hours * #minutes * #seconds <= MOST_TIMES then
    return clock_times(hours, minutes, seconds), true
  end
  local plain = #seconds == 1 and seconds[1] == 0
  local of_minutes = step_of(minutes, 60)
  local listed = not of_minutes or of_minutes == 60
  if plain and listed and step_of(hours, 24) then return every_hour(hours, minutes) end
  local words = unit(minutes, 60, "minute")
  if not plain then
    local of_seconds = unit(seconds, 60, "second")
    words = of_minutes == 1 and of_seconds:find "^every" and of_seconds
      or of_seconds .. ", " .. words
  end
  return words .. hours_of(hours)
end

-- ---------------------------------------------------------------------------
-- the date

local function month_days_of(days)
  local words = {}
  local list = runs_of(sorted(days.day), number)
  if #list > 0 then
    local many = #list > 1 or list[1]:find " to "
    words[1] = (many and "days " or "day ") .. join(list)
  end
  for _, day in ipairs(sorted(days.nearest)) do
    words[#words + 1] = ("the working day nearest to day %d"):format(day)
  end
  for _, back in ipairs(sorted(days.from_end)) do
    words[#words + 1] = ("the %s day"):format(ordinal_last(back))
  end
  if days.last_working_day then words[#words + 1] = "the last working day" end
  return "on " .. join(words) .. " of the month"
end

local function weekdays_of(days)
  local week = {} -- from 1 for Monday to 7
  for day in entries(days.weekday) do week[(day + 6) % 7 + 1] = true end
  local words = runs_of(sorted(week), function(day) return WEEKDAYS[day] end)
  local has_place = false
  for _, n in ipairs { 1, 2, 3, 4, 5, 0 } do
    for _, day in ipairs(sorted(days.nth[n] or {})) do
      has_place = true
      words[#words + 1] = ("the %s %s"):format(n == 0 and "last" or ordinal(n),
        WEEKDAYS[(day + 6) % 7 + 1])
    end
  end
  return "on " .. join(words) .. (has_place and " of the month" or "")
end

local function date_of(days)
  if days.any_day then return not days.any_weekday and weekdays_of(days) or nil end
  if days.any_weekday then return month_days_of(days) end
  if days.is_and then return weekdays_of(days) .. ", if that is " .. month_days_of(days) end
  return month_days_of(days) .. " or " .. weekdays_of(days)
end

--- The words for a schedule.
--- @param sets table? as for fields.new; nil for "@reboot"
--- @return string words
function describe.of(sets)
  if not sets then return "when the program starts" end
  local time, is_listed = time_of(sets)
  local words = { time }
  words[#words + 1] = date_of(sets.days)
  local months = sorted(sets.month)
  if is_listed and not words[2] and #months == 12 then words[2] = "every day" end
  if #months < 12 then
    words[#words + 1] = "in " .. join(runs_of(months, function(month) return MONTHS[month] end))
  end
  if sets.year then words[#words + 1] = "in " .. join(runs_of(sorted(sets.year), number)) end
  return table.concat(words, " ")
end

return describe
