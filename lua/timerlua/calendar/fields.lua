-- What every language of schedules is brought into: sets of seconds, minutes, hours,
-- months and days as bits, in 96 bytes; and the search for the next and the previous
-- date and time in these sets. The fields are searched from the year down to the second,
-- so the cost does not depend on how far away the result is.
--
-- Times are readings of a local clock: seconds since 1970-01-01T00:00 on it. This file
-- does not know zones.
local bit = require "bit"
local ffi = require "ffi"
local bits = require "timerlua.calendar.bits"
local civil = require "timerlua.core.civil"
local entries = require "timerlua.core.entries"
local month_days = require "timerlua.calendar.month_days"

local band, rshift = bit.band, bit.rshift
local floor = math.floor
local lowest, highest = bits.lowest, bits.highest
local up_to = bits.up_to

local DAY = 86400
local FIRST_YEAR, LAST_YEAR = 1970, 2199 -- of fields that name years; as in systemd

local fields = { FIRST_YEAR = FIRST_YEAR, LAST_YEAR = LAST_YEAR }

--- @class timerlua.Fields
--- @field second integer[] bits 0 to 29 for each half of the minute
--- @field minute integer[] likewise
--- @field hour integer bits 0 to 23
--- @field month integer bits 1 to 12
--- @field day integer and the other fields of month_days.lua
--- @field year integer[] 30 bits each from 1970 on, if any_year is 0
--- @field any_year integer
--- @field any_date integer 1 if every day is one
--- @field is_fixed integer 1 if hours and minutes are listed, without * and steps
local new = ffi.typeof [[struct {
  int32_t second[2], minute[2], hour, month, day, from_end, nearest, weekday, year[8];
  uint8_t nth[6], rule, last_weekday, any_year, any_date, is_fixed;
}]]

local function put(halves, set)
  for value in entries(set) do
    local i = value < 30 and 0 or 1
    halves[i] = bit.bor(halves[i], bit.lshift(1, value - 30 * i))
  end
end

--- Make fields.
--- @param sets table sets of numbers, such as { [0] = true }: second, minute, hour, month;
---   year, which may be nil; days: as for month_days.fill; is_fixed
--- @return timerlua.Fields? fields nil if no date is in the sets
function fields.new(sets)
  local self = new()
  put(self.second, sets.second)
  put(self.minute, sets.minute)
  self.hour, self.month = bits.of(sets.hour), bits.of(sets.month)
  month_days.fill(self, sets.days)
  self.any_year, self.is_fixed = sets.year and 0 or 1, sets.is_fixed and 1 or 0
  for year in entries(sets.year or {}) do
    local i = floor((year - FIRST_YEAR) / 30)
    self.year[i] = bit.bor(self.year[i], bit.lshift(1, (year - FIRST_YEAR) % 30))
  end
  self.any_date = not sets.year and self.month == bits.up_to(12) - 1 and self.rule == 0 and 1 or 0
  return fields.is_possible(self) and self or nil
end

-- ---------------------------------------------------------------------------
-- the time of day, in seconds

-- The first number from `from` to 59 in a set; nil if there is none.
local function sixtieth_from(halves, from)
  local mask
  if from < 30 then
    mask = rshift(halves[0], from)
    if mask ~= 0 then return from + lowest(mask) end
    from = 30
  end
  mask = from < 60 and rshift(halves[1], from - 30) or 0
  if mask ~= 0 then return from + lowest(mask) end
end

-- The last number from 0 to `to` in a set.
local function sixtieth_to(halves, to)
  local mask
  if to >= 30 then
    mask = band(halves[1], up_to(to - 30))
    if mask ~= 0 then return 30 + highest(mask) end
    to = 29
  end
  mask = to >= 0 and band(halves[0], up_to(to)) or 0
  if mask ~= 0 then return highest(mask) end
end

local function time_from(self, from)
  local hour = floor(from / 3600)
  if band(rshift(self.hour, hour), 1) ~= 0 then
    local minute = floor(from / 60) % 60
    local at = sixtieth_from(self.minute, minute)
    if at == minute then
      local second = sixtieth_from(self.second, from % 60)
      if second then return hour * 3600 + minute * 60 + second end
      at = sixtieth_from(self.minute, minute + 1)
    end
    if at then return hour * 3600 + at * 60 + sixtieth_from(self.second, 0) end
  end
  local mask = rshift(self.hour, hour + 1)
  if mask == 0 then return nil end
  return (hour + 1 + lowest(mask)) * 3600 + sixtieth_from(self.minute, 0) * 60
    + sixtieth_from(self.second, 0)
end

local function time_to(self, to)
  local hour = floor(to / 3600)
  if band(rshift(self.hour, hour), 1) ~= 0 then
    local minute = floor(to / 60) % 60
    local at = sixtieth_to(self.minute, minute)
    if at == minute then
      local second = sixtieth_to(self.second, to % 60)
      if second then return hour * 3600 + minute * 60 + second end
      at = sixtieth_to(self.minute, minute - 1)
    end
    if at then return hour * 3600 + at * 60 + sixtieth_to(self.second, 59) end
  end
  local mask = hour > 0 and band(self.hour, up_to(hour - 1)) or 0
  if mask == 0 then return nil end
  return highest(mask) * 3600 + sixtieth_to(self.minute, 59) * 60 + sixtieth_to(self.second, 59)
end

-- ---------------------------------------------------------------------------
-- the date, in days since 1970

local function has_year(self, year)
  if self.any_year ~= 0 then return true end
  if year < FIRST_YEAR or year > LAST_YEAR then return false end
  local i = floor((year - FIRST_YEAR) / 30)
  return band(rshift(self.year[i], (year - FIRST_YEAR) % 30), 1) ~= 0
end

-- Fields that can come do so within 40 years, also around 1900.
local FAR = 100

local function date_from(self, days)
  if self.any_date ~= 0 then return days end
  local year, month, day = civil.date(days)
  if self.any_year == 0 and year < FIRST_YEAR then year, month, day = FIRST_YEAR, 1, 1 end
  local last = self.any_year ~= 0 and year + FAR or LAST_YEAR
  while year <= last do
    local months = has_year(self, year) and rshift(self.month, month) or 0
    while months ~= 0 do
      local ahead = lowest(months)
      if ahead > 0 then month, day = month + ahead, 1 end
      local mask = rshift(month_days.mask(self, year, month), day - 1)
      if mask ~= 0 then return civil.days(year, month, day) + lowest(mask) end
      month, day = month + 1, 1
      months = rshift(self.month, month)
    end
    year, month, day = year + 1, 1, 1
  end
end

local function date_to(self, days)
  if self.any_date ~= 0 then return days end
  local year, month, day = civil.date(days)
  if self.any_year == 0 and year > LAST_YEAR then year, month, day = LAST_YEAR, 12, 31 end
  local first = self.any_year ~= 0 and year - FAR or FIRST_YEAR
  while year >= first do
    local months = has_year(self, year) and band(self.month, up_to(month)) or 0
    while months ~= 0 do
      local there = highest(months)
      if there < month then month, day = there, 31 end
      local mask = band(month_days.mask(self, year, month), up_to(day - 1))
      if mask ~= 0 then return civil.days(year, month, 1) + highest(mask) end
      month, day = month - 1, 31
      months = band(self.month, up_to(month))
    end
    year, month, day = year - 1, 12, 31
  end
end

--- Whether there is any date in the fields. In 28 years without a turn of a century, each
--- date falls on each day of the week.
function fields.is_possible(self)
  local first = self.any_year ~= 0 and 2001 or FIRST_YEAR
  local found = date_from(self, civil.days(first, 1, 1))
  return found ~= nil and (self.any_year == 0 or found < civil.days(2029, 1, 1))
end

-- ---------------------------------------------------------------------------

--- The first reading in the fields, from `reading` on.
--- @param reading integer
--- @return integer? reading nil if there is none
function fields.from(self, reading)
  local days = floor(reading / DAY)
  local date = date_from(self, days)
  if date == days then
    local time = time_from(self, reading - days * DAY)
    if time then return days * DAY + time end
    date = date_from(self, days + 1)
  end
  return date and date * DAY + time_from(self, 0)
end

--- The last reading in the fields, up to `reading`.
--- @param reading integer
--- @return integer? reading nil if there is none
function fields.to(self, reading)
  local days = floor(reading / DAY)
  local date = date_to(self, days)
  if date == days then
    local time = time_to(self, reading - days * DAY)
    if time then return days * DAY + time end
    date = date_to(self, days - 1)
  end
  return date and date * DAY + time_to(self, DAY - 1)
end

return fields
