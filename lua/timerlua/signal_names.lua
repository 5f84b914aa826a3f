-- Signals by name and number, as signal(7) has them for x86 and ARM.
local misuse = require "timerlua.misuse"

local NUMBERS = {
  HUP = 1, INT = 2, QUIT = 3, ILL = 4, TRAP = 5, ABRT = 6, BUS = 7, FPE = 8, KILL = 9,
  USR1 = 10, SEGV = 11, USR2 = 12, PIPE = 13, ALRM = 14, TERM = 15, STKFLT = 16, CHLD = 17,
  CONT = 18, STOP = 19, TSTP = 20, TTIN = 21, TTOU = 22, URG = 23, XCPU = 24, XFSZ = 25,
  VTALRM = 26, PROF = 27, WINCH = 28, IO = 29, PWR = 30, SYS = 31,
}
local MOST = 64 -- the last real-time signal

local NAMES = {}
for name, number in pairs(NUMBERS) do NAMES[number] = name end

local signal_names = {}

-- How many letters are to be added, taken away or changed (Levenshtein).
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j) and 0 or 1
      diagonal, row[j] = row[j], math.min(row[j] + 1, row[j - 1] + 1, diagonal + same)
    end
  end
  return row[#b]
end

local function nearest(name)
  local best, least
  for _, known in pairs(NAMES) do
    local d = distance(name, known)
    if not least or d < least or (d == least and known < best) then best, least = known, d end
  end
  return best
end

--- "TERM" for 15; "RTMIN+1" for 35.
function signal_names.name(number)
  return NAMES[number] or number >= 34 and "RTMIN+" .. number - 34 or tostring(number)
end

--- The number of a signal that is given as "TERM", "SIGTERM" or 15; raises for
--- what is none, and names the nearest.
--- @param where string the public function, for errors
function signal_names.number(where, value)
  if type(value) == "number" then
    if value >= 1 and value <= MOST and value % 1 == 0 then return value end
    misuse.got(where, ("signal must be a name or a number from 1 to %d"):format(MOST), value)
  elseif type(value) ~= "string" then
    misuse.got(where, 'signal must be a name such as "TERM", or a number', value)
  end
  local name = value:upper():gsub("^SIG", "")
  local number = NUMBERS[name]
  local above = tonumber(name:match("^RTMIN%+(%d+)$"))
  if above and above <= MOST - 34 then number = 34 + above end
  if number then return number end
  misuse.got(where, ('signal must be the name of one (did you mean "%s"?)')
    :format(nearest(name)), value)
end

return signal_names
