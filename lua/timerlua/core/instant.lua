-- Instants of the wall clock: seconds since 1970, os.date tables and ISO 8601 texts (RFC
-- 3339 and local time), converted to int64 nanoseconds since 1970.
local ffi = require "ffi"
local civil = require "timerlua.core.civil"
local core = require "timerlua.core.ffi"
local misuse = require "timerlua.core.misuse"

local int64 = ffi.typeof("int64_t")
local BILLION = 1000000000LL
local MOST_SECONDS = 9223372036

--- @alias timerlua.Instant number|string|table|ffi.cdata* an instant of the wall clock from
---   1970 to 2262: seconds since 1970; an ISO 8601 text such as "2030-01-31T09:30:00Z",
---   local time unless the text names a zone; a table as returned by os.date("*t"); or
---   int64 nanoseconds since 1970

local instant = {}

local function in_range(t)
  return t.month >= 1 and t.month <= 12 and t.day >= 1
    and t.hour <= 23 and t.min <= 59 and t.sec <= 60
end

-- Raise for a date or time that has the right form but does not exist.
local function check_exists(where, what, t, text)
  local last = civil.days_in_month(t.year, t.month)
  if t.day > last then
    misuse.got(where, ("%s has no such day: %04d-%02d ends on day %d"):format(what, t.year,
      t.month, last), text)
  elseif t.sec == 60 then
    misuse.got(where, what .. " must have seconds up to 59: the clock has no leap seconds", text)
  end
end

-- The offset from UTC in seconds of "Z", "+01:00", "-0530"; nil for local time, false when
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

-- Date, time and fraction; the rest of the text is the zone.
local PATTERNS = {
  "^(%d%d%d%d)-(%d%d)-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)%.(%d+)(.*)$",
  "^(%d%d%d%d)-(%d%d)-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)()(.*)$",
  "^(%d%d%d%d)-(%d%d)-(%d%d)[Tt ](%d%d):(%d%d)()()(.*)$",
  "^(%d%d%d%d)-(%d%d)-(%d%d)()()()()$",
}

-- A position capture stands where a pattern lacks such a part.
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

--- The parts of an ISO 8601 text; otherwise raises an error that names `where` (the
--- function) and `what` (the parameter).
--- @return table fields year, month, day, hour, min, sec
--- @return integer? offset from UTC in seconds; nil for local time
--- @return integer fraction in nanoseconds
function instant.read(where, what, text)
  local t, fraction, zone = match_fields(text)
  local offset = zone and offset_of(zone)
  if not t or offset == false or not in_range(t) then
    misuse.got(where, what .. ' must be an instant like "2030-01-31T09:30:00Z", '
      .. '"2030-01-31 09:30:00+01:00" or "2030-01-31 09:30" (local time)', text)
  end
  check_exists(where, what, t, text)
  return t, offset, fraction_ns(fraction)
end

local function parse(where, what, text)
  local t, offset, fraction = instant.read(where, what, text)
  local seconds
  if offset then
    seconds = civil.days(t.year, t.month, t.day) * 86400 + t.hour * 3600
      + t.min * 60 + t.sec - offset
  else
    seconds = os.time(t)
  end
  if not seconds or math.abs(seconds) >= MOST_SECONDS then
    misuse.got(where, what .. " must be from 1970 to 2262", text)
  end
  return ffi.cast(int64, seconds) * BILLION + fraction
end

local function from_table(where, what, fields)
  for _, key in ipairs { "year", "month", "day" } do
    if type(fields[key]) ~= "number" then
      misuse.got(where, ("%s.%s must be a number"):format(what, key), fields[key])
    end
  end
  local sec = tonumber(fields.sec) or 0
  local ok, seconds = pcall(os.time, fields)
  if not ok or not seconds or math.abs(seconds) >= MOST_SECONDS
    or sec ~= sec or math.abs(sec) >= MOST_SECONDS then
    misuse.got(where, what .. " must be a table that os.time accepts", fields)
  end
  -- os.time drops a fraction of a second
  return ffi.cast(int64, seconds) * BILLION + core.C.tl_seconds_to_ns(sec % 1)
end

local function convert(where, what, when)
  local kind = type(when)
  if kind == "number" then
    if not (when >= 0 and when <= core.max_seconds) then
      misuse.got(where, ("%s must be seconds since 1970, from 0 to %.0f"):format(what,
        core.max_seconds), when)
    end
    return core.C.tl_seconds_to_ns(when)
  elseif kind == "string" then
    return parse(where, what, when)
  elseif kind == "table" then
    return from_table(where, what, when)
  elseif kind == "cdata" and ffi.istype(int64, when) then
    return when
  end
  misuse.got(where, what .. " must be seconds, an ISO 8601 text or an os.date table", when)
end

--- Any form of instant as int64 nanoseconds since 1970; otherwise raises an error that
--- names `where` (the function) and `what` (the parameter).
--- @param where string
--- @param what string
--- @param when number|string|table|ffi.cdata*
--- @return ffi.cdata* ns
function instant.to_ns(where, what, when)
  local ns = convert(where, what, when)
  if ns < 0 then misuse.got(where, what .. " must not be before 1970", when) end
  return ns
end

return instant
