-- The days of a month that a schedule names, as bits: bit 0 is day 1.
local bit = require "bit"
local bits = require "timerlua.calendar.bits"
local civil = require "timerlua.core.civil"

local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift

local month_days = {}

-- Which of the two restrictions there are, and how two are combined.
local DAYS, WEEKDAYS, EITHER, BOTH = 1, 2, 3, 4

--- Fill the fields of a schedule that are about days.
--- @param self timerlua.Fields
--- @param days table sets: day; from_end (0 is the last day); nearest (days that stand for the
---   nearest weekday); weekday (0 is Sunday); nth[1 to 5] and nth[0], the last in the
---   month (sets of weekdays). last_weekday; any_day, any_weekday: no restriction; is_and: days
---   are to be in both restrictions
function month_days.fill(self, days)
  self.day, self.from_end = bits.of(days.day, 1), bits.of(days.from_end)
  self.nearest, self.weekday = bits.of(days.nearest, 1), bits.of(days.weekday)
  self.last_weekday = days.last_weekday and 1 or 0
  for n = 0, 5 do self.nth[n] = bits.of(days.nth[n] or {}) end
  self.rule = days.any_weekday and (days.any_day and 0 or DAYS)
    or days.any_day and WEEKDAYS or days.is_and and BOTH or EITHER
end

-- The days of a month that are on a set of weekdays, its first day being on `first`.
local function on_weekdays(set, first)
  local week = band(bor(rshift(set, first), lshift(set, 7 - first)), 127)
  return bor(week, lshift(week, 7), lshift(week, 14), lshift(week, 21), lshift(band(week, 7), 28))
end

-- The nearest day in the month that is not on a weekend.
local function nearest_weekday(day, first, length)
  local weekday = (first + day - 1) % 7
  if weekday == 6 then return day == 1 and 3 or day - 1 end
  if weekday == 0 then return day == length and day - 2 or day + 1 end
  return day
end

local function special_days(self, first, length)
  local mask, from_end, nearest = 0, self.from_end, self.nearest
  while from_end ~= 0 do
    local back = bits.lowest(from_end)
    if back < length then mask = bor(mask, lshift(1, length - 1 - back)) end
    from_end = band(from_end, from_end - 1)
  end
  while nearest ~= 0 do
    local day = bits.lowest(nearest) + 1
    if day <= length then
      mask = bor(mask, lshift(1, nearest_weekday(day, first, length) - 1))
    end
    nearest = band(nearest, nearest - 1)
  end
  if self.last_weekday ~= 0 then
    mask = bor(mask, lshift(1, nearest_weekday(length, first, length) - 1))
  end
  return mask
end

local function weekdays(self, first, length)
  local mask, nth = on_weekdays(self.weekday, first), self.nth
  for n = 1, 5 do
    if nth[n] ~= 0 then
      mask = bor(mask, band(on_weekdays(nth[n], first), lshift(127, 7 * (n - 1))))
    end
  end
  if nth[0] ~= 0 then
    mask = bor(mask, band(on_weekdays(nth[0], first), lshift(127, length - 7)))
  end
  return mask
end

--- The days of a month that are in the fields.
--- @param self timerlua.Fields
--- @return integer mask
function month_days.mask(self, year, month)
  local length, rule = civil.days_in_month(year, month), self.rule
  local all = bits.up_to(length - 1)
  if rule == 0 then return all end
  local first = civil.weekday(civil.days(year, month, 1))
  if rule == WEEKDAYS then return band(weekdays(self, first, length), all) end
  local days = bor(self.day, special_days(self, first, length))
  if rule == EITHER then days = bor(days, weekdays(self, first, length)) end
  if rule == BOTH then days = band(days, weekdays(self, first, length)) end
  return band(days, all)
end

return month_days
