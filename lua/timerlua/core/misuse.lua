-- Misuse by the programmer: errors raised with the position of the line outside timerlua
-- that called in, however deep inside the misuse is noticed.
local misuse = {}

-- The source of every module of ours begins like this, and the source of no script does.
-- Modules inside the program are "=[timerlua]/core/misuse.lua", installed ones a path.
local own = debug.getinfo(1, "S").source:gsub("core/misuse%.lua$", "")

local function is_own(source)
  return source:sub(1, #own) == own
end

local function caller_from(level)
  while true do
    local frame = debug.getinfo(level, "Sl")
    if not frame then return nil end
    if frame.currentline > 0 and not is_own(frame.source) then return frame end
    level = level + 1
  end
end

local function position()
  local frame = caller_from(4)
  return frame and ("%s:%d: "):format(frame.short_src, frame.currentline) or ""
end

--- The frame that called in, for misuse.site_of; cheap.
function misuse.caller()
  local frame = debug.getinfo(3, "Sl")
  return frame -- no tail call: it would not count as a level
end

--- "file:line" of a frame from misuse.caller; nil for nil.
function misuse.site_of(frame)
  return frame and ("%s:%d"):format(frame.short_src, frame.currentline)
end

--- "file:line" of the line outside timerlua that called in, through any number of frames.
--- @return string? site
function misuse.site()
  return misuse.site_of(caller_from(3))
end

--- A message without a leading position in timerlua's own files.
function misuse.without_position(message)
  local own_name = own:sub(2):gsub("%p", "%%%0")
  return (tostring(message):gsub("^" .. own_name .. "[%w_/]+%.lua:%d+: ", ""))
end

--- A value for a message: strings are quoted, other values go through tostring.
function misuse.show(value)
  return type(value) == "string" and ("%q"):format(value) or tostring(value)
end

--- Raise "timerlua.<where>: <rule>, got <value>" at the caller's line.
--- @param where string the public function, e.g. "after", "timer:reset"
--- @param rule string e.g. "delay must be a number >= 0"
--- @param value any the value given
function misuse.got(where, rule, value)
  error(("%stimerlua.%s: %s, got %s"):format(position(), where, rule,
    misuse.show(value)), 0)
end

--- The text of misuse.raise.
function misuse.text(where, message)
  return ("%stimerlua.%s: %s"):format(position(), where, message)
end

--- Raise "timerlua.<where>: <message>" at the caller's line.
function misuse.raise(where, message)
  error(("%stimerlua.%s: %s"):format(position(), where, message), 0)
end

return misuse
