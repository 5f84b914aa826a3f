-- Zones by their names, and the local zone. Each zone is read once, and again when its file
-- has changed.
local link = require "timerlua.core.link"
local misuse = require "timerlua.core.misuse"
local posix_rule = require "timerlua.calendar.posix_rule"
local timeline = require "timerlua.calendar.timeline"
local zone_files = require "timerlua.calendar.zone_files"

local zones = {}

-- ---------------------------------------------------------------------------
-- zones without a file

local MOST_HOURS = { ["+"] = 12, ["-"] = 14 } -- of Etc/GMT

-- "+05:30" of an offset in seconds, and "+0530", its abbreviation in tzdata.
local function offset_names(offset)
  local sign = offset < 0 and "-" or "+"
  local hours, minutes = math.floor(math.abs(offset) / 3600), math.abs(offset) / 60 % 60
  return ("%s%02d:%02d"):format(sign, hours, minutes),
    minutes == 0 and ("%s%02d"):format(sign, hours) or ("%s%02d%02d"):format(sign, hours, minutes)
end

local function offset_of(name)
  local sign, hours, minutes = string.match(name, "^([+-])(%d%d):?(%d%d)$")
  if not sign then sign, hours = string.match(name, "^([+-])(%d%d)$") end
  if not sign or tonumber(hours) > 23 or tonumber(minutes or 0) > 59 then return nil end
  local offset = tonumber(hours) * 3600 + tonumber(minutes or 0) * 60
  return sign == "-" and -offset or offset
end

local UNIVERSAL = { UTC = "UTC", UCT = "UTC", Universal = "UTC", Zulu = "UTC", GMT = "GMT",
  GMT0 = "GMT", Greenwich = "GMT", ["GMT+0"] = "GMT", ["GMT-0"] = "GMT" }

-- In names such as Etc/GMT+5, west of Greenwich is positive.
local function etc_zone(name)
  local of = UNIVERSAL[name]
  if of then return timeline.fixed(0, of) end
  local sign, hours = string.match(name, "^GMT([+-])([1-9]%d?)$")
  if not sign or tonumber(hours) > MOST_HOURS[sign] then return nil end
  local offset = tonumber(hours) * 3600
  if sign == "+" then offset = -offset end
  local _, abbreviation = offset_names(offset)
  return timeline.fixed(offset, abbreviation)
end

-- The timeline and the name of a zone that needs no file; nil for other names.
local function without_file(name)
  if name == "UTC" then return timeline.fixed(0, "UTC"), name end
  local etc = string.match(name, "^Etc/(.*)$")
  if etc then return etc_zone(etc), name end
  local offset = offset_of(name)
  if not offset then return nil end
  local full, abbreviation = offset_names(offset)
  return timeline.fixed(offset, abbreviation), full
end

-- ---------------------------------------------------------------------------
-- zones by name

local files = {}  -- by path: line, stamp
local others = {} -- by name, of zones without a file: line, name
local rules = {}  -- by the text of a rule: the timeline

local function read(path)
  local stamp, kept = zone_files.stamp(path), files[path]
  if kept and kept.stamp == stamp then return kept.line end
  local line, message, code = zone_files.read(path)
  if line then files[path] = { line = line, stamp = stamp } end
  return line, message, code
end

local function fixed(name)
  local kept = others[name]
  if not kept then
    local line, full = without_file(name)
    if not line then return nil end
    kept = others[full] or { line = line, name = full }
    others[full], others[name] = kept, kept
  end
  return kept.line, kept.name
end

local ABSENT = { ENOENT = true, ENOTDIR = true, EISDIR = true }

-- The zone of a name, or nil: with a message and a code if a zone can have that name.
local function by_name(name)
  local line, full = fixed(name)
  if line then return line, full end
  local path = zone_files.path(name)
  if not path then return nil end
  local message, code
  line, message, code = read(path)
  if line then return line, name end
  if not ABSENT[code] then return nil, message, code end
  return nil
end

local function absent(where, name)
  local why, hint = zone_files.absence(name)
  if why == "unknown" then
    misuse.raise(where, ("there is no time zone %s%s"):format(misuse.show(name), hint))
  end
  local package = why == "legacy" and "tzdata-legacy" or "tzdata"
  return nil, ("time zone %s: not in %s; Debian's package %s has it"):format(name,
    zone_files.folder(), package), "ENOENT"
end

-- ---------------------------------------------------------------------------
-- the local zone

local LOCALTIME = "/etc/localtime"

local function name_of_path(path)
  return string.match(path, "zoneinfo/([%w_+-][%w_+/-]*)$") or path
end

-- The value of TZ: a path, a name, or a rule; a colon in front is ignored, as by glibc.
local function by_variable(value)
  local text = string.gsub(value, "^:", "")
  if text == "" then return by_name "UTC" end
  if string.sub(text, 1, 1) == "/" then
    local line, message, code = read(text)
    if line then return line, name_of_path(text) end
    return nil, message, code
  end
  local line, found, code = by_name(text)
  if line or code then return line, found, code end
  local rule = not rules[text] and posix_rule.parse(text)
  if rule then rules[text] = timeline.of_rule(rule) end
  if rules[text] then return rules[text], text end
  return nil, ("the variable TZ is %s, which is no time zone"):format(misuse.show(value)),
    "EINVAL"
end

local function local_zone()
  local value = os.getenv "TZ"
  if value then return by_variable(value) end
  local line, message, code = read(LOCALTIME)
  if line then return line, name_of_path(link.target(LOCALTIME) or LOCALTIME) end
  if code == "ENOENT" then return by_name "UTC" end -- as in glibc
  return nil, message, code
end

--- Find a zone.
--- @param where string the public function, for errors
--- @param name? string nil for the local zone
--- @return timerlua.Timeline? line the same one as long as the zone's file is the same
--- @return string name of the zone; or why it cannot be read
--- @return string? code
--- Raises if no zone has this name.
function zones.find(where, name)
  if not name then return local_zone() end
  local line, found, code = by_name(name)
  if line or code then return line, found, code end
  return absent(where, name)
end

return zones
