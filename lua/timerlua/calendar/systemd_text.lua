-- systemd's calendar events, systemd.time(7): "Mon..Fri *-*-* 09:30 Europe/Berlin",
-- "*-*~03", "*:0/15", "quarterly".
local civil = require "timerlua.core.civil"
local complaint = require "timerlua.calendar.complaint"
local fields = require "timerlua.calendar.fields"
local misuse = require "timerlua.core.misuse"
local nearest = require "timerlua.core.nearest"

local systemd_text = {}

local WORDS = {
  minutely = "*-*-* *:*:00", hourly = "*-*-* *:00:00", daily = "*-*-* 00:00:00",
  weekly = "Mon *-*-* 00:00:00", monthly = "*-*-01 00:00:00", yearly = "*-01-01 00:00:00",
  annually = "*-01-01 00:00:00", quarterly = "*-01,04,07,10-01 00:00:00",
  semiannually = "*-01,07-01 00:00:00",
}
WORDS.anually = WORDS.annually -- accepted by systemd
WORDS["semi-annually"], WORDS.biannually = WORDS.semiannually, WORDS.semiannually
WORDS["bi-annually"] = WORDS.semiannually

local WORD_LIST = { "annually", "daily", "hourly", "minutely", "monthly", "quarterly",
  "semiannually", "weekly", "yearly" }

local WEEKDAYS = {}
for i, name in ipairs { "sunday", "monday", "tuesday", "wednesday", "thursday", "friday",
  "saturday" } do
  WEEKDAYS[name], WEEKDAYS[string.sub(name, 1, 3)] = i - 1, i - 1
end

local YEAR = { name = "year", least = fields.FIRST_YEAR, most = fields.LAST_YEAR }
local MONTH = { name = "month", least = 1, most = 12 }
local DAY = { name = "day", least = 1, most = 31 }
-- "~01" is the last day, "~03" the third last one; a step leads towards the end of the month.
local DAY_FROM_END = { name = "day from the end of the month", least = 1, most = 28,
  descends = true, less = 1 }
local HOUR = { name = "hour", least = 0, most = 23 }
local MINUTE = { name = "minute", least = 0, most = 59 }
local SECOND = { name = "second", least = 0, most = 59 }

-- ---------------------------------------------------------------------------
-- components

local function value_of(text, kind, place)
  local number = string.find(text, "^%d+$") and tonumber(text)
  if number and kind == YEAR and number < 100 then
    number = number + (number < 70 and 2000 or 1900)
  end
  if number and number >= kind.least and number <= kind.most then return number end
  if string.find(text, "^%d+%.%d+$") then
    complaint.raise(place, "whole: schedules have no fractions of a second", text)
  end
  complaint.raise(place, ("%d-%d"):format(kind.least, kind.most), text)
end

-- At least one step is to be possible; in a range, at least from one end to the other.
local function step_of(text, kind, room, place)
  local step = string.find(text, "^%d+$") and tonumber(text) or 0
  if step >= 1 and step <= room then return step end
  local of_step = complaint.at(place, 0)
  of_step.field = "step of the " .. kind.name
  complaint.raise(of_step, room > 0 and ("1-%d here"):format(room) or "left out here", text)
end

-- "5", "5..10", "5/2", "5..10/2". Returns whether there is a step.
local function put_item(set, kind, item, place)
  local range, slash, step = string.match(item, "^([^/]*)(/?)(.*)$")
  if range == "*" then
    complaint.raise(place, ("a number in front of a step or in a list, such as %d%s"):format(
      kind.least, slash ~= "" and item:sub(2) or ",10"), item)
  end
  local from, to = string.match(range, "^(.-)%.%.(.*)$")
  local first = value_of(from or range, kind, place)
  local last = to and value_of(to, kind, complaint.at(place, #from + 2)) or first
  if last < first then complaint.raise(place, "an ascending range", item) end
  local room = to and kind.most - kind.least
    or kind.descends and first - kind.least or kind.most - first
  local by = slash == "" and 1 or step_of(step, kind, room, complaint.at(place, #range + 1))
  if slash ~= "" and not to then
    if kind.descends then first = (first - 1) % by + 1 else last = kind.most end
  end
  for value = first, last, by do set[value - (kind.less or 0)] = true end
  return slash ~= ""
end

-- The set of a component, nil for "*"; and whether the component has * or a step.
local function read_component(word, kind, place)
  place = complaint.at(place, 0)
  place.field = kind.name
  if word == "*" then return nil, true end
  local set, is_cadence = {}, false
  complaint.each_item(word, place, function(item, at)
    is_cadence = put_item(set, kind, item, at) or is_cadence
  end)
  return set, is_cadence
end

local function all(kind)
  local set = {}
  for value = kind.least, kind.most do set[value] = true end
  return set
end

-- ---------------------------------------------------------------------------
-- the parts of a text

local function read_weekdays(days, word, place)
  place = complaint.at(place, 0)
  place.field = "weekday"
  local function weekday(name, at)
    return WEEKDAYS[name] or complaint.raise(at, "Mon-Sun", name)
  end
  complaint.each_item(string.gsub(word, ",$", ""), place, function(item, at)
    local from, to = string.match(item, "^(%a*)%.%.(.*)$")
    if not from then from, to = string.match(item, "^(%a*)-(.*)$") end
    local first = weekday(from or item, at)
    -- a week begins on Monday
    local last = to and weekday(to, complaint.at(at, #item - #to)) or first
    first, last = (first + 6) % 7, (last + 6) % 7
    if last < first then complaint.raise(at, "an ascending range from Mon to Sun", item) end
    for value = first, last do days.weekday[(value + 1) % 7] = true end
  end)
end

-- The parts of a word, their columns, and the separator behind each.
local function split(word, separators)
  local parts, columns, between, from = {}, {}, {}, 1
  while true do
    local at = string.find(word, "[" .. separators .. "]", from)
    parts[#parts + 1] = string.sub(word, from, (at or 0) - 1)
    columns[#parts] = from - 1
    if not at then return parts, columns, between end
    between[#parts] = string.sub(word, at, at)
    from = at + 1
  end
end

local function read_date(sets, word, place)
  local parts, columns, between = split(word, "%-~")
  place.field = "date"
  if #parts < 2 or #parts > 3 or #parts == 3 and between[1] ~= "-" then
    complaint.raise(place, "year-month-day or month-day, with ~ for days from the end of the "
      .. "month", word)
  end
  local n = #parts
  if n == 3 then
    sets.year = read_component(parts[1], YEAR, complaint.at(place, columns[1]))
  end
  sets.month = read_component(parts[n - 1], MONTH, complaint.at(place, columns[n - 1]))
    or all(MONTH)
  local days, kind = sets.days, between[n - 1] == "~" and DAY_FROM_END or DAY
  local set = read_component(parts[n], kind, complaint.at(place, columns[n]))
  days[kind == DAY and "day" or "from_end"] = set or {}
  days.any_day = not set
end

local function read_time(sets, word, place)
  local parts, columns = split(word, ":")
  place.field = "time"
  if #parts < 2 or #parts > 3 then
    complaint.raise(place, "hour:minute or hour:minute:second", word)
  end
  local function component(i, kind)
    local set, is_cadence = read_component(parts[i], kind, complaint.at(place, columns[i]))
    return set or all(kind), is_cadence
  end
  local hours, minutes
  sets.hour, hours = component(1, HOUR)
  sets.minute, minutes = component(2, MINUTE)
  if parts[3] then sets.second = component(3, SECOND) end
  sets.is_fixed = not hours and not minutes
end

local function midnight_daily()
  return { second = { [0] = true }, minute = { [0] = true }, hour = { [0] = true },
    month = all(MONTH), is_fixed = true,
    days = { day = {}, from_end = {}, nearest = {}, weekday = {}, nth = {}, any_day = true,
      any_weekday = true, is_and = true } }
end

local function is_weekdays(word)
  return WEEKDAYS[string.match(word, "^%a+")] ~= nil
end

-- ---------------------------------------------------------------------------
-- the text

local function read_parts(where, text, words, columns)
  local sets, i = midnight_daily(), 1
  local function place(k)
    return { where = where, text = text, column = columns[k] }
  end
  if words[1] and is_weekdays(words[1]) then
    sets.days.any_weekday = false
    read_weekdays(sets.days, words[1], place(1))
    i = 2
  end
  if words[i] and not string.find(words[i], ":", 1, true) then
    read_date(sets, words[i], place(i))
    i = i + 1
  end
  if words[i] and string.find(words[i], ":", 1, true) then
    read_time(sets, words[i], place(i))
    i = i + 1
  end
  if words[i] then
    misuse.raise(where, ("calendar text must be [weekdays] [date] [time] [zone], got %s")
      :format(misuse.show(text)))
  end
  return sets
end

-- "@1395716396": an instant.
local function read_instant(where, text, digits)
  local seconds = tonumber(digits)
  local days = math.floor(seconds / 86400)
  local year, month, day = civil.date(days)
  if year > fields.LAST_YEAR then
    misuse.raise(where, ("an instant must be of the years 1970-2199, got %s"):format(
      misuse.show(text)))
  end
  local sets = midnight_daily()
  sets.year, sets.month, sets.days.day = { [year] = true }, { [month] = true }, { [day] = true }
  sets.days.any_day = false
  sets.hour, sets.minute = { [math.floor(seconds / 3600) % 24] = true },
    { [math.floor(seconds / 60) % 60] = true }
  sets.second = { [seconds % 60] = true }
  return sets, "UTC"
end

local function refuse_word(where, text, word)
  local meant = nearest.typo(word, WORD_LIST)
  misuse.raise(where, ("calendar text must be like \"Mon..Fri *-*-* 09:30 Europe/Berlin\" or "
    .. "one of %s, got %s%s"):format(table.concat(WORD_LIST, ", "), misuse.show(text),
    meant and ("; did you mean %q?"):format(meant) or ""))
end

-- The zone at the end of a text.
local function take_zone(given, words)
  local last = words[#words]
  local is_zone = #words > 1 and (string.find(last, "^%a") and not is_weekdays(last)
    or string.find(last, "^[+-]%d%d:?%d?%d?$"))
  if not is_zone then return nil end
  words[#words] = nil
  return last == "utc" and "UTC" or given[#given]
end

--- Parse a text.
--- @param where string the public function, for errors
--- @return table sets for fields.new
--- @return string? zone that the text names
function systemd_text.parse(where, text)
  local digits = string.match(text, "^@(%d+)$")
  if digits then return read_instant(where, text, digits) end
  local given, words, columns = {}, {}, {}
  for at, word in string.gmatch(text, "()(%S+)") do
    given[#given + 1], words[#words + 1], columns[#columns + 1] = word, string.lower(word), at
  end
  local zone = take_zone(given, words)
  local of = #words == 1 and WORDS[words[1]]
  if of then return systemd_text.parse(where, of), zone end
  if words[1] and string.find(words[1], "^%a") and not is_weekdays(words[1]) then
    refuse_word(where, text, words[1])
  end
  return read_parts(where, text, words, columns), zone
end

return systemd_text
