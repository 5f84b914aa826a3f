-- Dates of the Gregorian calendar, also before its introduction, as days since
-- 1970-01-01. Years begin in March here, so that the leap day is a year's last day (Howard
-- Hinnant, "chrono-Compatible Low-Level Date Algorithms"). All numbers are whole.
local floor = math.floor

local civil = {}

local DAYS_OF_ERA = 146097 -- in 400 years
local EPOCH = 719468       -- from 0000-03-01 to 1970-01-01

--- The day of a date; the day of the month may be any number.
--- @param month integer 1 to 12
--- @return integer days since 1970-01-01
function civil.days(year, month, day)
  if month <= 2 then year = year - 1 end
  local era = floor(year / 400)
  local year_of_era = year - era * 400
  local day_of_year = floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  return era * DAYS_OF_ERA + year_of_era * 365 + floor(year_of_era / 4)
    - floor(year_of_era / 100) + day_of_year - EPOCH
end

--- The date of a day.
--- @param days integer since 1970-01-01
--- @return integer year
--- @return integer month 1 to 12
--- @return integer day 1 to 31
function civil.date(days)
  days = days + EPOCH
  local era = floor(days / DAYS_OF_ERA)
  local day_of_era = days - era * DAYS_OF_ERA
  local year_of_era = floor((day_of_era - floor(day_of_era / 1460)
    + floor(day_of_era / 36524) - floor(day_of_era / 146096)) / 365)
  local day_of_year = day_of_era - (365 * year_of_era + floor(year_of_era / 4)
    - floor(year_of_era / 100))
  local month = floor((5 * day_of_year + 2) / 153) -- 0 is March
  local day = day_of_year - floor((153 * month + 2) / 5) + 1
  local year = year_of_era + era * 400
  if month < 10 then return year, month + 3, day end
  return year + 1, month - 9, day
end

local LENGTHS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

function civil.is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

--- The number of days in a month.
function civil.days_in_month(year, month)
  if month == 2 and civil.is_leap(year) then return 29 end
  return LENGTHS[month]
end

--- The day of the week, 0 for Sunday to 6.
--- @param days integer since 1970-01-01
function civil.weekday(days)
  return (days + 4) % 7
end

return civil
