-- Durations at the surface: seconds as a number, a text such as "1h30m", or
-- nanoseconds as an int64 cdata. One conversion, here.
local ffi = require "ffi"
local core = require "timerlua.ffi"

local C, max_seconds = core.C, core.max_seconds
local int64, uint64 = ffi.typeof("int64_t"), ffi.typeof("uint64_t")
local parsed = ffi.new("int64_t[1]")
local INVALID = -22 -- EINVAL on Linux, as tl_duration_parse returns it

local duration = {}

--- A value for an error message: strings quoted, all else as tostring.
function duration.show(value)
  return type(value) == "string" and ("%q"):format(value) or tostring(value)
end
local show = duration.show

local function complain(where, what, rule, value, level)
  error(("timerlua.%s: %s must be %s, got %s"):format(where, what, rule,
    show(value)), level + 1)
end

local function parse(where, what, text, level)
  local status = C.tl_duration_parse(text, #text, parsed)
  if status == 0 then return parsed[0] end
  if status == INVALID then
    complain(where, what, 'a number of seconds or a text like "250ms" or '
      .. '"1h30m" (units w d h m s ms us ns, largest first)', text, level + 1)
  end
  complain(where, what, "at most 292 years", text, level + 1)
end

--- Any form of duration as int64 nanoseconds, rounded up, or an error at
--- `level` that names `where` (the function) and `what` (the parameter).
--- @param where string
--- @param what string
--- @param value number|string|ffi.cdata* seconds >= 0, a text, or nanoseconds
--- @param level? integer as for error(); default 2, the caller's caller
--- @return ffi.cdata* ns int64
function duration.to_ns(where, what, value, level)
  level = (level or 2) + 1
  local kind = type(value)
  if kind == "number" then
    -- NaN fails every comparison, so it is refused here too
    if not (value >= 0) then -- luacheck: ignore 581
      complain(where, what, "a number >= 0", value, level)
    end
    if value > max_seconds then
      complain(where, what, ("at most %.0f s (292 years)"):format(max_seconds),
        value, level)
    end
    return C.tl_seconds_to_ns(value)
  elseif kind == "string" then
    return parse(where, what, value, level)
  elseif kind == "cdata" and (ffi.istype(int64, value) or ffi.istype(uint64, value)) then
    local ns = ffi.cast(int64, value)
    if ns < 0 then complain(where, what, "nanoseconds >= 0", value, level) end
    return ns
  end
  complain(where, what, "a number of seconds", value, level)
end

--- The same, but more than zero.
function duration.to_positive_ns(where, what, value, level)
  level = (level or 2) + 1
  local ns = duration.to_ns(where, what, value, level)
  if ns == 0 then complain(where, what, "more than 0", value, level) end
  return ns
end

return duration
