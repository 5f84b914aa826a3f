-- Time zones: tl.zone.
local civil = require "timerlua.core.civil"
local check = require "timerlua.core.check"
local misuse = require "timerlua.core.misuse"
local moment = require "timerlua.calendar.moment"
local timeline = require "timerlua.calendar.timeline"
local zones = require "timerlua.calendar.zones"

local floor = math.floor

local zone = {}

--- @class timerlua.Zone
--- @since 0.1
--- @field name string such as "Europe/Berlin"
local Zone = {}
Zone.__index = Zone

function Zone.__tostring(self)
  return "timerlua.Zone: " .. tostring(self.name)
end

-- The objects by their timelines: the same zone is the same object as long as it is used.
local objects = setmetatable({}, { __mode = "kv" })

local lines = setmetatable({}, { __mode = "k" })

local function line_of(self, method)
  return lines[self] or check.wrong_self(self, method, "zone", "a zone", "zone")
end

local function object_of(line, name)
  local self = objects[line]
  if not self then
    self = setmetatable({ name = name }, Zone)
    objects[line], lines[self] = self, line
  end
  return self
end

--- Find a time zone. The files of the system's time zones are read: those in the folder
--- $TZDIR, else /usr/share/zoneinfo. No file is needed for "UTC", names in "Etc/" and
--- offsets such as "+05:30".
--- @param name? string such as "Europe/Berlin"; default: the local zone, that of the variable
---   TZ, else of /etc/localtime
--- @return timerlua.Zone? zone
--- @return string? message why the zone cannot be read
--- @return string? code "ENOENT": no zones are installed; "EINVAL": the file is not a zone
---   file; or a code of open(2)
--- Raises if no zone has this name.
function zone.zone(name)
  if name ~= nil and type(name) ~= "string" then
    misuse.got("zone", "name must be a string", name)
  end
  local self, message, code = zone.find("zone", name)
  if not self then return nil, message, code end
  return self
end

--- The same for another function.
--- @param where string the public function, for errors
--- @return timerlua.Zone? zone
--- @return timerlua.Timeline|string line its timeline; or why it cannot be read
--- @return string? code
function zone.find(where, name)
  local line, found, code = zones.find(where, name)
  if not line then return nil, found, code end
  return object_of(line, found), line
end

--- The timeline of a zone object; nil for another value.
--- @return timerlua.Timeline?
function zone.timeline(value)
  return value ~= nil and lines[value] or nil
end

--- Return the difference to UTC at an instant.
--- @param t? timerlua.Moment default: now
--- @return integer offset seconds, positive east of Greenwich
--- @return string abbreviation such as "CEST"
--- @return boolean is_dst whether it is daylight saving time
function Zone:offset(t)
  local line = line_of(self, "offset")
  t = moment.seconds_or_now("zone:offset", "t", t, line)
  local kind = line.kind[timeline.segment(line, t)]
  return kind.offset, kind.abbreviation, kind.is_dst
end

--- Return the local date and time of an instant: the fields of os.date("*t") and `offset`, in
--- seconds; `zone`, the abbreviation; and `fold`, 1 for the second of two
--- instants with the same local time, otherwise 0.
--- @param t? timerlua.Moment default: now; a fraction of a second is cut off
--- @return table fields year, month, day, hour, min, sec, wday, yday, isdst, offset, zone, fold
function Zone:date(t)
  local line = line_of(self, "date")
  t = floor(moment.seconds_or_now("zone:date", "t", t, line))
  local i = timeline.segment(line, t)
  local kind = line.kind[i]
  local reading = t + kind.offset
  local days = floor(reading / 86400)
  local seconds = reading - days * 86400
  local year, month, day = civil.date(days)
  return { year = year, month = month, day = day, hour = floor(seconds / 3600),
    min = floor(seconds / 60) % 60, sec = seconds % 60, wday = civil.weekday(days) + 1,
    yday = days - civil.days(year, 1, 1) + 1, isdst = kind.is_dst, offset = kind.offset,
    zone = kind.abbreviation, fold = timeline.shown_before(line, i, reading) and 1 or 0 }
end

--- Return the instant of a local date and time. Fields out of their range are carried
--- over, as by os.time: day 32 is a day of the next month.
--- @param fields table `year`, `month`, `day`; `hour`, default 12; `min` and `sec`, default 0;
---   `fold`, 1 for the second of two instants with the same local time, default 0; other
---   fields are ignored
--- @return integer? t seconds since 1970; nil for a local time that a change of the clock
---   skips
--- @return string? reason "gap"
--- @return integer? before the last second before the gap
--- @return integer? after the first second after it
function Zone:time(fields)
  local line = line_of(self, "time")
  if type(fields) ~= "table" then
    misuse.got("zone:time", "fields must be a table as returned by os.date(\"*t\")", fields)
  end
  local fold = fields.fold
  if fold == nil then fold = 0 end
  check.whole("zone:time", "fields.fold", fold, 0, 1)
  local reading = moment.reading("zone:time", "fields", fields)
  local list = timeline.instants(line, reading)
  if #list > 0 then return list[fold + 1] or list[#list] end
  local after = timeline.gap(line, reading)
  return nil, "gap", after - 1, after
end

--- List the changes of the local clock from one instant until before another.
--- @param from timerlua.Moment
--- @param to timerlua.Moment
--- @return table transitions in order; each has `at`, the first second with the new time,
---   and `offset`, `abbreviation` and `is_dst` from then on
function Zone:transitions(from, to)
  local line = line_of(self, "transitions")
  from = moment.seconds("zone:transitions", "from", from, line)
  to = moment.seconds("zone:transitions", "to", to, line)
  local list, i = {}, timeline.segment(line, from)
  if line.at[i] < from then i = i + 1 end
  timeline.segment(line, to)
  while i <= line.count and line.at[i] < to do
    local kind = line.kind[i]
    list[#list + 1] = { at = line.at[i], offset = kind.offset,
      abbreviation = kind.abbreviation, is_dst = kind.is_dst }
    i = i + 1
  end
  return list
end

return zone
