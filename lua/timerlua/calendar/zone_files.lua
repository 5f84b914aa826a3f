-- The system's zone files: where they are, what they are called, and their content.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local errors = require "timerlua.core.errors"
local nearest = require "timerlua.core.nearest"
local timeline = require "timerlua.calendar.timeline"
local tzif = require "timerlua.calendar.tzif"

local C = core.C

local LARGEST = 2 ^ 16      -- bytes of a zone file; those of tzdata have less than 2^12
local LARGEST_LIST = 2 ^ 20 -- bytes of a list of names

local zone_files = {}

--- The folder that the names of zones are in.
function zone_files.folder()
  local folder = os.getenv "TZDIR"
  return folder and folder ~= "" and folder or "/usr/share/zoneinfo"
end

-- Without dots, so that no name leads out of the folder.
local function is_name(text)
  return #text < 256 and string.find(text, "^[%w_+-]") ~= nil
    and not string.find(text, "[^%w_+/-]") and not string.find(text, "//", 1, true)
    and string.sub(text, -1) ~= "/"
end

local function content(path, room)
  local bytes = ffi.new("char[?]", room)
  local count = C.tl_file_content(path, bytes, room)
  if count < 0 then return nil, count end
  return ffi.string(bytes, count)
end

--- The path of the file for a name; nil if no zone can have that name.
function zone_files.path(name)
  return is_name(name) and zone_files.folder() .. "/" .. name or nil
end

--- A number that changes with the file at a path, or a negative errno.
function zone_files.stamp(path)
  return C.tl_file_stamp(path)
end

--- Read a zone file.
--- @return timerlua.Timeline? timeline
--- @return string? message
--- @return string? code
function zone_files.read(path)
  local bytes, status = content(path, LARGEST)
  if not bytes then return errors.failed("time zone " .. path, status) end
  local data, why = tzif.parse(bytes)
  local line
  if data then line, why = timeline.of_file(data) end
  if not line then return nil, ("time zone %s: %s"):format(path, why), "EINVAL" end
  return line
end

-- ---------------------------------------------------------------------------
-- names that exist

-- Files that name all zones, and the pattern of the lines that do.
local LISTS = {
  { "tzdata.zi", "\nZ%s+(%S+)", "\nL%s+%S+%s+(%S+)" },
  { "zone1970.tab", "\n[%u,]+\t%S+\t([%w_+/-]+)" },
  { "zone.tab", "\n%u%u\t%S+\t([%w_+/-]+)" },
}

-- All names of zones; empty when there is no list of them.
local function names()
  local found = {}
  for _, list in ipairs(LISTS) do
    local text = content(zone_files.folder() .. "/" .. list[1], LARGEST_LIST)
    for i = 2, text and #list or 0 do
      for name in string.gmatch("\n" .. text, list[i]) do found[#found + 1] = name end
    end
    if #found > 0 then break end
  end
  return found
end

local function last_part(name)
  return string.match(name, "[^/]+$")
end

-- Names that may have been meant, in lower case and without their continent.
local function similar(word, all)
  word = string.gsub(string.lower(word), " ", "_")
  local whole, parts, same = {}, {}, {}
  for i, name in ipairs(all) do
    whole[i] = string.lower(name)
    parts[i] = last_part(whole[i])
    if whole[i] == word or parts[i] == word then same[#same + 1] = i end
  end
  if #same == 0 then same = nearest.several(word, whole, 3) end
  if #same == 0 then same = nearest.several(word, parts, 3) end
  return same
end

--- Why there is no file for a name.
--- @return "unknown"|"legacy"|"missing" why the name does not exist; a package of old names
---   has it; no zones are installed
--- @return string hint '; did you mean "Europe/Berlin"?', or empty
function zone_files.absence(name)
  local all, meant = names(), {}
  if #all == 0 and zone_files.stamp(zone_files.folder() .. "/UTC") < 0 then
    return "missing", ""
  end
  for _, each in ipairs(all) do
    if each == name then return "legacy", "" end
  end
  for i, index in ipairs(similar(name, all)) do
    if i <= 3 then meant[i] = ("%q"):format(all[index]) end
  end
  return "unknown", #meant > 0 and ("; did you mean %s?"):format(table.concat(meant, " or ")) or ""
end

return zone_files
