-- The rule of a zone as in the variable TZ of POSIX, such as "CET-1CEST,M3.5.0,M10.5.0/3":
-- the footer of zone files, for the time after their last transition.
local civil = require "timerlua.core.civil"

local posix_rule = {}

local HOUR, DAY = 3600, 86400

-- The rule for names that have none: that of the United States since 2007, as in glibc.
local DEFAULT = ",M3.2.0,M11.1.0"

--- @class timerlua.PosixRule
--- @field standard table offset, abbreviation, is_dst
--- @field summer? table the same during daylight saving time; nil if there is none
--- @field start? table when it begins each year, in standard time
--- @field stop? table when it ends, in summer time

-- "5", "-5:30", "+02:00:00" in seconds; the rest of the text.
local function read_time(text, most_hours)
  local sign, hours, rest = string.match(text, "^([+-]?)(%d+)(.*)$")
  if not hours or #hours > 3 then return nil end
  local seconds = tonumber(hours) * HOUR
  for _, unit in ipairs { 60, 1 } do
    local digits, after = string.match(rest, "^:(%d%d?)(.*)$")
    if not digits then break end
    if tonumber(digits) > 59 then return nil end
    seconds, rest = seconds + tonumber(digits) * unit, after
  end
  if seconds > most_hours * HOUR then return nil end
  return sign == "-" and -seconds or seconds, rest
end

local function read_name(text)
  local name, rest = string.match(text, "^<([%w+-]+)>(.*)$")
  if not name then name, rest = string.match(text, "^(%a+)(.*)$") end
  if not name or #name < 3 then return nil end
  return name, rest
end

local function read_day(text)
  local month, week, weekday, rest = string.match(text, "^M(%d%d?)%.(%d)%.(%d)(.*)$")
  if month then
    local day = { month = tonumber(month), week = tonumber(week), weekday = tonumber(weekday) }
    local exists = day.month >= 1 and day.month <= 12 and day.week >= 1 and day.week <= 5
      and day.weekday <= 6
    return exists and day or nil, rest
  end
  local without_leap_days, number
  without_leap_days, number, rest = string.match(text, "^(J?)(%d%d?%d?)(.*)$")
  if not number then return nil end
  if without_leap_days == "J" then
    number = tonumber(number)
    return number >= 1 and number <= 365 and { julian = number } or nil, rest
  end
  return tonumber(number) <= 365 and { day_of_year = tonumber(number) } or nil, rest
end

-- ",M3.5.0/2": the day and the time of day, in seconds.
local function read_change(text)
  if string.sub(text, 1, 1) ~= "," then return nil end
  local change, rest = read_day(string.sub(text, 2))
  if not change then return nil end
  change.time = 2 * HOUR
  if string.sub(rest, 1, 1) == "/" then
    change.time, rest = read_time(string.sub(rest, 2), 167) -- hours, RFC 8536 section 3.3.1
    if not change.time then return nil end
  end
  return change, rest
end

-- The day since 1970 on which a change falls.
local function day_of(change, year)
  if change.day_of_year then return civil.days(year, 1, 1) + change.day_of_year end
  if change.julian then
    local leap_day = civil.is_leap(year) and change.julian >= 60 and 1 or 0
    return civil.days(year, 1, change.julian) + leap_day
  end
  local first = civil.days(year, change.month, 1)
  local day = (change.weekday - civil.weekday(first)) % 7 + (change.week - 1) * 7
  if day >= civil.days_in_month(year, change.month) then day = day - 7 end
  return first + day
end

--- The transitions of a year, in order.
--- @return number first instant
--- @return table begins what begins at it
--- @return number second
--- @return table begins
function posix_rule.transitions(rule, year)
  local start = day_of(rule.start, year) * DAY + rule.start.time - rule.standard.offset
  local stop = day_of(rule.stop, year) * DAY + rule.stop.time - rule.summer.offset
  if start <= stop then return start, rule.summer, stop, rule.standard end
  return stop, rule.standard, start, rule.summer
end

-- Daylight saving time that lasts all year ends when it begins again: one kind of time.
local function without_empty_winter(rule)
  local _, _, stop = posix_rule.transitions(rule, 2001)
  local start = posix_rule.transitions(rule, 2002)
  if start == stop then return { standard = rule.summer } end
  return rule
end

local function read_summer(rule, text)
  local name, rest = read_name(text)
  if not name then return nil end
  local offset = rule.standard.offset + HOUR
  if rest ~= "" and string.sub(rest, 1, 1) ~= "," then
    offset, rest = read_time(rest, 24)
    if not offset then return nil end
    offset = -offset
  end
  rule.summer = { offset = offset, is_dst = true, abbreviation = name }
  if rest == "" then rest = DEFAULT end
  rule.start, rest = read_change(rest)
  if not rule.start then return nil end
  rule.stop, rest = read_change(rest)
  if not rule.stop or rest ~= "" then return nil end
  return without_empty_winter(rule)
end

--- Parse a rule.
--- @param text string
--- @return timerlua.PosixRule? rule nil if the text is none
function posix_rule.parse(text)
  local name, rest = read_name(text)
  if not name then return nil end
  local offset
  offset, rest = read_time(rest, 24) -- west of Greenwich is positive
  if not offset then return nil end
  local rule = { standard = { offset = -offset, is_dst = false, abbreviation = name } }
  if rest == "" then return rule end
  return read_summer(rule, rest)
end

return posix_rule
