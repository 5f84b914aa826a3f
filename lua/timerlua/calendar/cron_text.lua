-- Cron's language: "30 9 * * mon-fri", with seconds in front "*/10 30 9 * * mon-fri", with
-- the additions of Quartz and Jenkins, and words such as "@daily".
local complaint = require "timerlua.calendar.complaint"
local hash = require "timerlua.calendar.hash"
local misuse = require "timerlua.core.misuse"
local suggest = require "timerlua.core.suggest"

local cron_text = {}

local MONTHS = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov",
  "dec" }
local WEEKDAYS = { [0] = "sun", "mon", "tue", "wed", "thu", "fri", "sat" }

local function numbers_of(list, first)
  local numbers = {}
  for i = first, #list do numbers[list[i]] = i end
  return numbers
end

-- `size` numbers from `least` on, after which a range goes on at `least`; `most` is the
-- largest number that can be written. H takes a number from `hashed` numbers.
local SECOND = { name = "second", least = 0, most = 59, size = 60, hashed = 60 }
local MINUTE = { name = "minute", least = 0, most = 59, size = 60, hashed = 60 }
local HOUR = { name = "hour", least = 0, most = 23, size = 24, hashed = 24 }
local DAY = { name = "day of the month", least = 1, most = 31, size = 31, hashed = 28 }
local MONTH = { name = "month", least = 1, most = 12, size = 12, hashed = 12,
  names = numbers_of(MONTHS, 1), rule = "1-12 or jan-dec" }
local WEEKDAY = { name = "weekday", least = 0, most = 7, size = 7, hashed = 7,
  names = numbers_of(WEEKDAYS, 0), rule = "0-7 or sun-sat" }

local WORDS = {
  yearly = "0 0 1 1 *", annually = "0 0 1 1 *", monthly = "0 0 1 * *", weekly = "0 0 * * 0",
  daily = "0 0 * * *", midnight = "0 0 * * *", hourly = "0 * * * *", reboot = false,
}
local WORD_LIST = { "@annually", "@daily", "@hourly", "@midnight", "@monthly", "@reboot",
  "@weekly", "@yearly" }

-- ---------------------------------------------------------------------------
-- values

local function rule_of(kind)
  return kind.rule or ("%d-%d"):format(kind.least, kind.most)
end

local function number_in(text, kind)
  local number = string.find(text, "^%d+$") and tonumber(text)
    or kind.names and kind.names[string.sub(text, 1, 3)]
  return number and number >= kind.least and number <= kind.most and number or nil
end

local function value_of(text, kind, place)
  return number_in(text, kind) or complaint.raise(place, rule_of(kind), text)
end

local function step_of(text, kind, place)
  local step = string.find(text, "^%d+$") and tonumber(text) or 0
  local most = kind == WEEKDAY and 6 or kind.most
  if step >= 1 and step <= most then return step end
  local of_step = complaint.at(place, 0)
  of_step.field = "step of the " .. kind.name
  complaint.raise(of_step, ("1-%d"):format(most), text)
end

-- Put every step-th number from `first` to `last` into a set; a range may go on at the
-- least number, as fri-mon does.
local function put_range(set, kind, first, last, step)
  local length = last - first
  if length < 0 then length = length + kind.size end
  for ahead = 0, length, step do
    set[kind.least + (first - kind.least + ahead) % kind.size] = true
  end
end

local function last_of(kind) return kind.least + kind.size - 1 end

-- "H", "H/15", "H(0-5)": numbers that depend on the name. Returns whether the item is one.
local function put_hashed(set, kind, item, place, name)
  local range, step = string.match(item, "^h(%(?[^/]*)/?(.*)$")
  if not range then return false end
  local first, last = kind.least, kind.least + kind.hashed - 1
  local from, to = string.match(range, "^%((%w+)-(%w+)%)$")
  if from then
    first = value_of(from, kind, complaint.at(place, 2))
    last = value_of(to, kind, complaint.at(place, 3 + #from))
  elseif range ~= "" or last < first then
    return false
  end
  if last < first then complaint.raise(place, "H with an ascending range", item) end
  local number = hash.of(name .. "\0" .. kind.name)
  if string.find(item, "/", 1, true) then
    step = step_of(step, kind, complaint.at(place, #item - #step))
    put_range(set, kind, first + number % math.min(step, last - first + 1), last, step)
    return true, true
  end
  set[kind.least + (first - kind.least + number % (last - first + 1)) % kind.size] = true
  return true, false
end

-- "*", "5", "1-5", and each with "/2". Returns whether the item has * or a step.
local function put_numbers(set, kind, item, place)
  local range, slash, step = string.match(item, "^([^/]*)(/?)(.*)$")
  local by = slash == "" and 1 or step_of(step, kind, complaint.at(place, #range + 1))
  if range == "*" then
    put_range(set, kind, kind.least, last_of(kind), by)
    return true
  end
  local from, to = string.match(range, "^(%w+)-(%w+)$")
  local first = value_of(from or range, kind, place)
  local last = to and value_of(to, kind, complaint.at(place, #from + 1)) or first
  if slash ~= "" and not to then
    first, last = kind == WEEKDAY and first % 7 or first, last_of(kind)
  end
  put_range(set, kind, first, last, by)
  return slash ~= ""
end

-- ---------------------------------------------------------------------------
-- fields

-- A field of numbers only. Returns the set, and whether it has * or a step.
local function read_numbers(word, kind, place, name)
  local set, is_cadence = {}, false
  complaint.each_item(word, place, function(item, at)
    local done, stepped = put_hashed(set, kind, item, at, name)
    if not done then stepped = put_numbers(set, kind, item, at) end
    is_cadence = is_cadence or stepped
  end)
  return set, is_cadence
end

-- The items of days that are not numbers: true if the item is one.
local function put_special_day(days, item, place)
  if item == "*" or item == "?" then
    days.any_day = true
  elseif item == "l" then
    days.from_end[0] = true
  elseif item == "lw" then
    days.last_working_day = true
  elseif string.find(item, "^l%-") then
    local back = string.sub(item, 3)
    local number = string.find(back, "^%d+$") and tonumber(back) or 0
    if number < 1 or number > 30 then
      complaint.raise(complaint.at(place, 2), "L-1 to L-30", "L-" .. back)
    end
    days.from_end[number] = true
  elseif string.find(item, "^%d+w$") then
    days.nearest[value_of(string.sub(item, 1, -2), DAY, place)] = true
  else
    return false
  end
  return true
end

local function put_special_weekday(days, item, place)
  if item == "*" or item == "?" then
    days.any_weekday = true
    return true
  end
  local day, n = string.match(item, "^(%w+)#(.*)$")
  if day then
    local number = string.find(n, "^[1-5]$") and tonumber(n)
      or complaint.raise(complaint.at(place, #day + 1), "followed by #1 to #5", item)
    days.nth[number][value_of(day, WEEKDAY, place) % 7] = true
    return true
  end
  day = string.match(item, "^(%w+)l$")
  if day and number_in(day, WEEKDAY) then
    days.nth[0][number_in(day, WEEKDAY) % 7] = true
    return true
  elseif item == "l" then
    complaint.raise(place, "a weekday in front of L, such as 5L", "L")
  end
  return false
end

local function read_days(days, word, place, name)
  complaint.each_item(word, place, function(item, at)
    if not put_special_day(days, item, at) and not put_hashed(days.day, DAY, item, at, name) then
      put_numbers(days.day, DAY, item, at)
    end
  end)
end

local function read_weekdays(days, word, place, name)
  complaint.each_item(word, place, function(item, at)
    if not put_special_weekday(days, item, at)
      and not put_hashed(days.weekday, WEEKDAY, item, at, name) then
      put_numbers(days.weekday, WEEKDAY, item, at)
    end
  end)
end

-- ---------------------------------------------------------------------------
-- the text

local function split(text)
  local words, columns = {}, {}
  for at, word in string.gmatch(text, "()(%S+)") do
    words[#words + 1], columns[#columns + 1] = string.lower(word), at
  end
  return words, columns
end

local function read_fields(where, text, words, columns, name)
  local skipped = 6 - #words -- without seconds, the fields begin with the minutes
  local function place(i, kind)
    return { where = where, text = text, field = kind.name, number = i - skipped,
      column = columns[i - skipped] }
  end
  local function numbers(i, kind)
    return read_numbers(words[i - skipped], kind, place(i, kind), name)
  end
  local days = { day = {}, from_end = {}, nearest = {}, weekday = {},
    nth = { [0] = {}, {}, {}, {}, {}, {} } }
  local sets = { second = skipped == 0 and numbers(1, SECOND) or { [0] = true }, days = days }
  local minutes, hours
  sets.minute, minutes = numbers(2, MINUTE)
  sets.hour, hours = numbers(3, HOUR)
  read_days(days, words[4 - skipped], place(4, DAY), name)
  sets.month = numbers(5, MONTH)
  read_weekdays(days, words[6 - skipped], place(6, WEEKDAY), name)
  sets.is_fixed = not minutes and not hours
  return sets
end

--- Parse a text.
--- @param where string the public function, for errors
--- @param name string what H depends on
--- @return table? sets for fields.new; nil for "@reboot"
function cron_text.parse(where, text, name)
  local words, columns = split(text)
  if string.sub(words[1] or "", 1, 1) == "@" then
    local of = WORDS[string.sub(words[1], 2)]
    if of == nil or words[2] then
      misuse.raise(where, ("a word must be one of %s, got %s%s"):format(
        table.concat(WORD_LIST, ", "), misuse.show(text),
        words[2] and "" or suggest.hint(words[1], WORD_LIST, { ["@every"] = "tl.every" })))
    end
    if not of then return nil end
    words, columns = split(of)
    return read_fields(where, of, words, columns, name)
  end
  if #words ~= 5 and #words ~= 6 then
    misuse.raise(where, ("cron's text must have 5 fields (minute, hour, day of the month, month, "
      .. "weekday), or 6 with seconds in front, got %d in %s"):format(#words, misuse.show(text)))
  end
  return read_fields(where, text, words, columns, name)
end

return cron_text
