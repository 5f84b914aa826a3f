-- The fields of a schedule, tl_fields in timerlua_abi.h, from sets of numbers.
local bit = require "bit"
local ffi = require "ffi"
local civil = require "timerlua.core.civil"
local core = require "timerlua.core.ffi"
local entries = require "timerlua.core.entries"

local C = core.C
local new = ffi.typeof "tl_fields"

local FIRST_YEAR, LAST_YEAR = C.TL_FIRST_YEAR, C.TL_LAST_YEAR

local fields = { FIRST_YEAR = FIRST_YEAR, LAST_YEAR = LAST_YEAR }

--- @class timerlua.Fields

-- The mask of a set, { [number] = true }, in which `first` is bit 0.
local function bits(set, first)
  local mask = 0ULL
  for value in entries(set) do mask = bit.bor(mask, bit.lshift(1ULL, value - (first or 0))) end
  return mask
end

local function put_days(self, days)
  self.day, self.from_end = bits(days.day, 1), bits(days.from_end)
  self.nearest, self.weekday = bits(days.nearest, 1), bits(days.weekday)
  self.last_working_day = days.last_working_day and 1 or 0
  for n = 0, 5 do self.nth[n] = bits(days.nth[n] or {}) end
  self.rule = days.any_weekday and (days.any_day and C.TL_DAYS_ALL or C.TL_DAYS_OF_MONTH)
    or days.any_day and C.TL_DAYS_OF_WEEK or days.is_and and C.TL_DAYS_BOTH or C.TL_DAYS_EITHER
end

local function put_years(self, years)
  self.any_year = years and 0 or 1
  for year in entries(years or {}) do
    local i = math.floor((year - FIRST_YEAR) / 32)
    self.year[i] = bit.bor(self.year[i], bit.lshift(1ULL, (year - FIRST_YEAR) % 32))
  end
end

-- Whether there is any date in the fields. In 28 years without a turn of a century, each
-- date falls on each day of the week.
local function is_possible(self)
  local first = self.any_year ~= 0 and 2001 or FIRST_YEAR
  local last = self.any_year ~= 0 and 2028 or LAST_YEAR
  return fields.from(self, civil.days(first, 1, 1) * 86400) < civil.days(last + 1, 1, 1) * 86400
end

--- Make fields.
--- @param sets table sets of numbers, such as { [0] = true }: second, minute, hour, month;
---   year, which may be nil; is_fixed; and days, with sets: day; from_end (0 is the last
---   day); nearest (days that stand for the nearest working day); weekday (0 is Sunday);
---   nth[1 to 5] and nth[0], the last in the month (sets of weekdays); last_working_day;
---   any_day, any_weekday: no restriction; is_and: days are to be in both restrictions
--- @return timerlua.Fields? fields nil if no date is in the sets
function fields.new(sets)
  local self = new()
  self.second, self.minute = bits(sets.second), bits(sets.minute)
  self.hour, self.month = bits(sets.hour), bits(sets.month)
  put_days(self, sets.days)
  put_years(self, sets.year)
  self.is_fixed = sets.is_fixed and 1 or 0
  local all_year = self.month == 8190 -- bits 1 to 12
  self.any_date = not sets.year and all_year and self.rule == C.TL_DAYS_ALL and 1 or 0
  return is_possible(self) and self or nil
end

--- The first reading in the fields, from `reading` on; infinity if there is none.
--- @param reading integer
--- @return number reading
function fields.from(self, reading)
  return C.tl_fields_from(self, reading)
end

--- The last reading in the fields, up to `reading`; -infinity if there is none.
--- @param reading integer
--- @return number reading
function fields.to(self, reading)
  return C.tl_fields_to(self, reading)
end

return fields
