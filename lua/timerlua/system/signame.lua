-- Names of signals: "TERM", "SIGTERM", "RTMIN+3", and their numbers.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local check = require "timerlua.core.check"
local misuse = require "timerlua.core.misuse"
local nearest = require "timerlua.core.nearest"

local C = core.C
local FIRST, LAST = C.tl_signal_realtime(0), C.tl_signal_realtime(1)
local MOST = 31 -- those before the realtime signals, signal(7)

local names, numbers = {}, {}

local list = {}
for number = 1, MOST do
  local name = C.tl_signal_name(number)
  if name ~= nil then
    names[number] = ffi.string(name)
    numbers[names[number]] = number
    list[#list + 1] = names[number]
  end
end
numbers.CLD, numbers.POLL, numbers.IOT = numbers.CHLD, numbers.IO, numbers.ABRT

local signame = {
  --- First and last of the realtime signals. @type integer, integer
  first_realtime = FIRST,
  last_realtime = LAST,

  --- By name, without SIG, except for the realtime signals. @type table<string, integer>
  numbers = numbers,
}

local function realtime(text)
  local base, sign, offset = text:match("^RTM([IA][NX])([+-]?)(%d*)$")
  if not base or (sign == "") ~= (offset == "") then return nil end
  offset = tonumber(offset) or 0
  local number
  if base == "IN" and sign ~= "-" then number = FIRST + offset end
  if base == "AX" and sign ~= "+" then number = LAST - offset end
  return number and number >= FIRST and number <= LAST and number or nil
end

local function refuse(where, what, value, text)
  local meant = not text:find("^RTM") and nearest.of(text, list)
  misuse.got(where, ("%s must be the name of a signal%s"):format(what,
    meant and (', such as %q'):format(meant) or ', such as "TERM" or "RTMIN+1"'), value)
end

--- The number of a signal; an unknown name raises an error that names the nearest one.
--- @param where string the public function, for errors
--- @param what string the parameter
--- @param value string|number "TERM", "SIGTERM", in any case; "RTMIN+3", "RTMAX-1"; 15
--- @return integer number
function signame.number(where, what, value)
  if type(value) == "number" then
    if names[value] or check.is_whole(value, FIRST, LAST) then return value end
    misuse.got(where, ("%s must be the number of a signal, 1 to %d or %d to %d"):format(what,
      MOST, FIRST, LAST), value)
  elseif type(value) ~= "string" then
    misuse.got(where, what .. " must be the name or number of a signal", value)
  end
  local text = value:upper():gsub("^SIG", "")
  return numbers[text] or realtime(text) or refuse(where, what, value, text)
end

--- The name of a signal's number: "SIGTERM", "SIGRTMIN+3".
--- @param number integer
--- @return string name
function signame.name(number)
  if names[number] then return "SIG" .. names[number] end
  if number == FIRST then return "SIGRTMIN" end
  if number > FIRST and number <= LAST then return "SIGRTMIN+" .. number - FIRST end
  return "signal " .. number
end

return signame
