-- Durations in scripts: seconds as a number, a text such as "1h30m", or nanoseconds as an
-- int64 cdata. This file has the one conversion.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local errno = require "timerlua.core.errno"
local misuse = require "timerlua.core.misuse"

local C, max_seconds = core.C, core.max_seconds
local int64, uint64 = ffi.typeof("int64_t"), ffi.typeof("uint64_t")
local parsed = ffi.new("int64_t[1]")
local INVALID = errno.EINVAL

--- @alias timerlua.Duration number|string|ffi.cdata* seconds as a number >= 0; a text with
---   units, the largest first, such as "250ms" or "1h30m" (w d h m s ms us ns); or int64
---   nanoseconds. Fractions are rounded up to the next nanosecond; at most 292 years

local duration = {}

local function parse(where, what, text, unit)
  local status = C.tl_duration_parse(text, #text, parsed)
  if status == 0 then return parsed[0] end
  if status == INVALID then
    misuse.got(where, ('%s must be a number of %s or a text like "250ms" or "1h30m" '
      .. "(units w d h m s ms us ns, largest first)"):format(what, unit), text)
  end
  misuse.got(where, what .. " must be at most 292 years", text)
end

local function from_number(where, what, value)
  -- NaN fails every comparison, so it is refused too
  if not (value >= 0) then -- luacheck: ignore 581
    misuse.got(where, what .. " must be a number >= 0", value)
  elseif value > max_seconds then
    misuse.got(where, ("%s must be at most %.0f s (292 years)"):format(what,
      max_seconds), value)
  end
  return C.tl_seconds_to_ns(value)
end

local function from_other(where, what, value, unit)
  local kind = type(value)
  if kind == "string" then return parse(where, what, value, unit) end
  if kind == "cdata" and (ffi.istype(int64, value) or ffi.istype(uint64, value)) then
    local ns = ffi.cast(int64, value)
    if ns < 0 then misuse.got(where, what .. " must be nanoseconds >= 0", value) end
    return ns
  end
  misuse.got(where, ('%s must be a number of %s, a text like "250ms" or int64 nanoseconds')
    :format(what, unit), value)
end

--- Whether a duration is a number of seconds that the core takes unchanged; NaN is not.
--- @return boolean
function duration.is_seconds(value)
  return type(value) == "number" and value >= 0 and value <= max_seconds
end

--- Any form of duration as int64 nanoseconds, rounded up; otherwise raises an error that
--- names `where` (the function) and `what` (the parameter).
--- @param where string
--- @param what string
--- @param value number|string|ffi.cdata* seconds >= 0, a text, or nanoseconds
--- @return ffi.cdata* ns int64
function duration.to_ns(where, what, value)
  if type(value) == "number" then return from_number(where, what, value) end
  return from_other(where, what, value, "seconds")
end

--- The same as a number of seconds.
--- @return number seconds
function duration.to_seconds(where, what, value)
  return tonumber(duration.to_ns(where, what, value)) / 1e9
end

--- Any form of duration, checked, in the form that the core takes fastest.
--- @return number|ffi.cdata* delay a number of seconds as given, or int64 nanoseconds
function duration.of(where, what, value)
  if duration.is_seconds(value) then return value end
  return duration.to_ns(where, what, value)
end

--- The same, but a number is in milliseconds, as for Python's poll. So a text of digits
--- alone, which means seconds elsewhere, is refused.
--- @param value number|string|ffi.cdata* milliseconds >= 0, a text, or nanoseconds
--- @return number|ffi.cdata* delay seconds, or int64 nanoseconds
function duration.of_ms(where, what, value)
  if type(value) == "string" and tonumber(value) then
    misuse.got(where, what .. ' must be a number of milliseconds or a text with units, '
      .. 'like "250ms"', value)
  end
  if type(value) ~= "number" then return from_other(where, what, value, "milliseconds") end
  if not (value >= 0 and value <= max_seconds * 1000) then
    misuse.got(where, ("%s must be milliseconds, 0 to %.0f (292 years)"):format(what,
      max_seconds * 1000), value)
  end
  return value / 1000
end

--- As to_ns, but more than zero.
function duration.to_positive_ns(where, what, value)
  local ns = duration.to_ns(where, what, value)
  if ns == 0 then misuse.got(where, what .. " must be more than 0", value) end
  return ns
end

return duration
