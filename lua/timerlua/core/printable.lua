-- Values of scripts and bytes of peers, as text that people read.
local entries = require "timerlua.core.entries"
local printable = {}

local MOST_FIELDS, MOST_BYTES = 8, 200 -- of a table; of each field
local MOST_SORTED = 100 -- of the fields of a large table

local function escape(byte)
  return ("\\x%02x"):format(byte:byte())
end

--- A text whose control characters, except line feeds and tabs, are written as "\x1b": a
--- terminal would obey them. Those of C1, which are two bytes in UTF-8, are among them.
--- @param text string
--- @return string
function printable.text(text)
  return (text:gsub("[%z\1-\8\11-\31\127]", escape):gsub("\194[\128-\159]", function(pair)
    return (pair:gsub(".", escape))
  end))
end

local function show(value)
  local kind = type(value)
  if kind == "table" or kind == "userdata" or kind == "cdata" then return kind end
  if kind ~= "string" then return tostring(value) end
  local text = ("%q"):format(value:sub(1, MOST_BYTES)):gsub("\\\n", "\\n")
  return #value > MOST_BYTES and text .. "..." or text
end

local function key(name)
  if type(name) == "string" and name:find("^[%a_][%w_]*$") then return name end
  return "[" .. show(name) .. "]"
end

--- The fields of a table on one line, in the order of their names; of many, the first.
--- @param value table
--- @return string
function printable.fields(value)
  local list, count = {}, 0
  for name, field in entries(value) do
    count = count + 1
    if count <= MOST_SORTED then list[count] = key(name) .. " = " .. show(field) end
  end
  table.sort(list)
  local left = count - MOST_FIELDS
  if left > 0 then list[MOST_FIELDS + 1] = ("and %d more"):format(left) end
  return "{ " .. table.concat(list, ", ", 1, math.min(#list, MOST_FIELDS + 1)) .. " }"
end

return printable
