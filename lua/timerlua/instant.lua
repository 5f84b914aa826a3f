-- Instants of the wall clock: epoch seconds, os.date tables, ISO 8601 texts
-- (RFC 3339 and local time) to int64 nanoseconds since 1970.
local ffi = require "ffi"
local core = require "timerlua.ffi"
local duration = require "timerlua.duration"

local int64 = ffi.typeof("int64_t")
local BILLION = 1000000000LL
local MOST_SECONDS = 9223372036

local instant = {}

local function complain(where, rule, value, level)
  error(("timerlua.%s: when must be %s, got %s"):format(where, rule,
    duration.show(value)), level + 1)
end

-- Days from 1970-01-01 in the proleptic Gregorian calendar; the usual
-- arithmetic on years that begin in March.
local function days_from_civil(year, month, day)
  if month <= 2 then year = year - 1 end
  local era = math.floor(year / 400)
  local year_of_era = year - era * 400
  local day_of_year = math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  local day_of_era = year_of_era * 365 + math.floor(year_of_era / 4)
    - math.floor(year_of_era / 100) + day_of_year
  return era * 146097 + day_of_era - 719468
end

local function days_in_month(year, month)
  if month == 2 then
    local leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
    return leap and 29 or 28
  end
  return (month == 4 or month == 6 or month == 9 or month == 11) and 30 or 31
end

local function in_range(t)
  return t.month >= 1 and t.month <= 12 and t.day >= 1
    and t.day <= days_in_month(t.year, t.month)
    and t.hour <= 23 and t.min <= 59 and t.sec <= 60
end

-- Seconds east of UTC of "Z", "+01:00", "-0530"; nil when local, false when
-- malformed.
local function offset_of(zone)
  if zone == "" then return nil end
  if zone == "Z" or zone == "z" then return 0 end
  local sign, hours, minutes = zone:match("^([+-])(%d%d):?(%d%d)$")
  if not sign or tonumber(hours) > 23 or tonumber(minutes) > 59 then return false end
  local seconds = tonumber(hours) * 3600 + tonumber(minutes) * 60
  return sign == "-" and -seconds or seconds
end

local function fraction_ns(digits)
  if digits == "" then return 0 end
  local nine = (digits .. "00000000"):sub(1, 9)
  local rest = digits:sub(10)
  return tonumber(nine) + (rest:find("[1-9]") and 1 or 0) -- up
end

local PATTERNS = {
  "^(%d%d%d%d)-(%d%d)-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)%.?(%d*)(.*)$",
  "^(%d%d%d%d)-(%d%d)-(%d%d)[Tt ](%d%d):(%d%d)()()(.*)$",
  "^(%d%d%d%d)-(%d%d)-(%d%d)()()()()$",
}

local function match_fields(text)
  for _, pattern in ipairs(PATTERNS) do
    local year, month, day, hour, min, sec, fraction, zone = text:match(pattern)
    if year then
      local function number(s) return type(s) == "string" and tonumber(s) or 0 end
      return { year = tonumber(year), month = tonumber(month), day = tonumber(day),
        hour = number(hour), min = number(min), sec = number(sec) },
        type(fraction) == "string" and fraction or "", zone or ""
    end
  end
end

local function parse(where, text, level)
  local t, fraction, zone = match_fields(text)
  local offset = zone and offset_of(zone)
  if not t or offset == false or not in_range(t) then
    complain(where, 'an instant like "2030-01-31T09:30:00Z", '
      .. '"2030-01-31 09:30:00+01:00" or "2030-01-31 09:30" (local time)', text,
      level + 1)
  end
  local seconds
  if offset then
    seconds = days_from_civil(t.year, t.month, t.day) * 86400 + t.hour * 3600
      + t.min * 60 + t.sec - offset
  else
    seconds = os.time(t)
  end
  if not seconds or math.abs(seconds) >= MOST_SECONDS then
    complain(where, "within 292 years of 1970", text, level + 1)
  end
  return ffi.cast(int64, seconds) * BILLION + fraction_ns(fraction)
end

local function from_table(where, fields, level)
  for _, key in ipairs { "year", "month", "day" } do
    if type(fields[key]) ~= "number" then
      error(("timerlua.%s: when.%s must be a number, got %s"):format(where, key,
        duration.show(fields[key])), level + 1)
    end
  end
  local ok, seconds = pcall(os.time, fields)
  if not ok or not seconds or math.abs(seconds) >= MOST_SECONDS then
    complain(where, "a table that os.time accepts", fields, level + 1)
  end
  return ffi.cast(int64, seconds) * BILLION
end

--- Any form of instant as int64 nanoseconds since 1970, or an error at `level`
--- that names `where`.
--- @param where string
--- @param when number|string|table|ffi.cdata*
--- @param level? integer as for error(); default 2
--- @return ffi.cdata* ns
function instant.to_ns(where, when, level)
  level = (level or 2) + 1
  local kind = type(when)
  if kind == "number" then
    if not (when >= 0 and when <= core.max_seconds) then
      complain(where, "seconds since 1970, at least 0 and at most "
        .. ("%.0f"):format(core.max_seconds), when, level)
    end
    return core.C.tl_seconds_to_ns(when)
  elseif kind == "string" then
    return parse(where, when, level)
  elseif kind == "table" then
    return from_table(where, when, level)
  elseif kind == "cdata" and ffi.istype(int64, when) then
    return when
  end
  complain(where, "seconds, an ISO 8601 text or an os.date table", when, level)
end

return instant
