-- Instants as the calendar takes them from scripts: seconds since 1970, whole or not, of the
-- years 1 to 9999.
local ffi = require "ffi"
local civil = require "timerlua.core.civil"
local clock = require "timerlua.loop.clock"
local instant = require "timerlua.core.instant"
local misuse = require "timerlua.core.misuse"
local timeline = require "timerlua.calendar.timeline"

local int64 = ffi.typeof "int64_t"
local BILLION = 1000000000LL

--- @alias timerlua.Moment number|string|table|ffi.cdata* an instant of the years 1 to 9999:
---   seconds since 1970, negative before; an ISO 8601 text such as "2030-01-31T09:30:00Z",
---   without a zone in the text a local time of the zone or schedule that is asked; a
---   table as returned by os.date("*t") or by the date method of a zone, likewise; or
---   int64 nanoseconds since 1970

local moment = {
  FIRST = civil.days(1, 1, 1) * 86400,
  LAST = civil.days(10000, 1, 1) * 86400 - 1,
}

local function check(where, what, seconds, value)
  if seconds >= moment.FIRST and seconds <= moment.LAST then return seconds end
  misuse.got(where, what .. " must be an instant of the years 1 to 9999", value)
end

local NAMES = { "year", "month", "day", "hour", "min", "sec" }
local DEFAULTS = { hour = 12, min = 0, sec = 0 } -- as in os.time

--- The reading of a local clock that a table as for os.time means. Fields out of their
--- range, such as day 32, are carried over.
--- @return number reading
function moment.reading(where, what, fields)
  local of = {}
  for _, name in ipairs(NAMES) do
    local value = fields[name]
    if value == nil then value = DEFAULTS[name] end
    if type(value) ~= "number" or value % 1 ~= 0 or math.abs(value) > 1e11 then
      misuse.got(where, ("%s.%s must be a whole number"):format(what, name), value)
    end
    of[name] = value
  end
  local months = of.year * 12 + of.month - 1
  local reading = civil.days(math.floor(months / 12), months % 12 + 1, of.day) * 86400
    + of.hour * 3600 + of.min * 60 + of.sec
  return check(where, what, reading, ("%.0f-%.0f-%.0f"):format(of.year, of.month, of.day))
end

local function of_text(where, what, text, line)
  local fields, offset, fraction = instant.read(where, what, text)
  local reading = civil.days(fields.year, fields.month, fields.day) * 86400
    + fields.hour * 3600 + fields.min * 60 + fields.sec
  local seconds = offset and reading - offset or timeline.resolve(line, reading, 0)
  return check(where, what, seconds + fraction / 1e9, text)
end

--- Any form of instant as seconds since 1970; otherwise raises an error that names `where`
--- (the function) and `what` (the parameter).
--- @param value timerlua.Moment
--- @param line timerlua.Timeline of local times
--- @return number seconds
function moment.seconds(where, what, value, line)
  local kind = type(value)
  if kind == "number" then return check(where, what, value, value) end
  if kind == "string" then return of_text(where, what, value, line) end
  if kind == "table" then
    local fold = rawget(value, "fold") == 1 and 1 or 0
    return timeline.resolve(line, moment.reading(where, what, value), fold)
  end
  if kind == "cdata" and ffi.istype(int64, value) then
    local seconds = value / BILLION
    return tonumber(seconds) + tonumber(value - seconds * BILLION) / 1e9
  end
  misuse.got(where, what .. " must be seconds, an ISO 8601 text or an os.date table", value)
end

--- The same; nil is the present.
--- @param value timerlua.Moment?
function moment.seconds_or_now(where, what, value, line)
  if value == nil then return clock.time() end
  return moment.seconds(where, what, value, line)
end

return moment
