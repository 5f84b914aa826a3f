-- Schedules: tl.schedule. A schedule is a value; timers that follow it are made elsewhere.
local check = require "timerlua.core.check"
local cron_text = require "timerlua.calendar.cron_text"
local describe = require "timerlua.calendar.describe"
local errors = require "timerlua.core.errors"
local fields = require "timerlua.calendar.fields"
local misuse = require "timerlua.core.misuse"
local moment = require "timerlua.calendar.moment"
local runs = require "timerlua.calendar.runs"
local systemd_text = require "timerlua.calendar.systemd_text"
local zone = require "timerlua.calendar.zone"

local ceil = math.ceil

local schedule = {}

--- @class timerlua.Schedule
--- @since 0.1
--- @field text string as given
--- @field zone timerlua.Zone whose local time the schedule follows
local Schedule = {}
Schedule.__index = Schedule

-- The plans of the objects: scripts cannot write into them.
local plans = setmetatable({}, { __mode = "k" })

function Schedule.__tostring(self)
  local plan = plans[self]
  if not plan then return "timerlua.Schedule" end
  return ("timerlua.Schedule: %s (%s)"):format(plan.text, tostring(plan.zone.name))
end

--- @class timerlua.ScheduleOptions
--- @since 0.1
--- @field tz? string|timerlua.Zone the zone, if the text names none; default: the local zone
--- @field gap? "after"|"skip" what happens to a fixed time that a change of the clock skips:
---   it comes at the first instant after the gap (default), or not at all
--- @field fold? "first"|"last"|"both" which of two instants with the same local time counts,
---   for fixed times; default "first"
--- @field days? "or"|"and" whether a date of cron's text with a day of the month and a weekday
---   is on either (default, as in POSIX) or on both; given, nothing is told about it
--- @field name? string what H in cron's text depends on; default: the line of the call

local OPTIONS = check.names "tz gap fold days name"
local CHOICES = { gap = { "after", "skip" }, fold = { "first", "last", "both" },
  days = { "or", "and" } }
local ORDER = { "gap", "fold", "days" }

local function check_choices(where, options)
  for _, name in ipairs(ORDER) do
    local value, choices, known = options[name], CHOICES[name], false
    for _, each in ipairs(choices) do known = known or each == value end
    if value ~= nil and not known then
      misuse.got(where, ('%s must be "%s"'):format(name, table.concat(choices, '" or "')), value)
    end
  end
  if options.name ~= nil and type(options.name) ~= "string" then
    misuse.got(where, "name must be a string", options.name)
  end
end

-- ---------------------------------------------------------------------------
-- languages

-- Cron's text has five words or six, or begins with @ and a letter. Calendar text has four at
-- most, and something that cron's has not: a letter in front, a colon, a dash in a date.
local function is_cron(text)
  local _, count = string.gsub(text, "%S+", "")
  if string.find(text, "^%s*@") then return not string.find(text, "^%s*@%d") end
  if string.find(text, ":", 1, true) or string.find(text, "..", 1, true) then return false end
  return count > 4 or not string.find(text, "^%s*%a") and not string.find(text, "[-~]")
end

-- The sets of numbers that a text means, nil for "@reboot"; and the zone that it names.
local function read(where, plan)
  if not is_cron(plan.text) then return systemd_text.parse(where, plan.text) end
  local sets = cron_text.parse(where, plan.text, plan.name)
  if sets then sets.days.is_and = plan.days == "and" end
  return sets
end

local told = false -- that days are combined by OR

local function tell_of_or(plan, days, site)
  if told or plan.days or days.any_day or days.any_weekday or not is_cron(plan.text) then return end
  told = true
  errors.write(("%s: %s is on each such day of the month and on each such weekday, as in POSIX; "
    .. 'for days that are both, set days = "and"; to keep this and not be told, days = "or"')
    :format(site or "a schedule", misuse.show(plan.text)))
end

-- ---------------------------------------------------------------------------

local function find_zone(where, value)
  local line = zone.timeline(value)
  if line then return value, line end
  if value ~= nil and type(value) ~= "string" then
    misuse.got(where, "tz must be the name of a zone or a zone", value)
  end
  return zone.find(where, value)
end

--- Make the plan of a schedule.
--- @param where string the public function, for errors
--- @param options table checked for unknown names
--- @param site? string "file:line" of the call
--- @return table? plan text, zone, is_local, and the fields of timerlua.Plan, whose
---   `fields` is nil for "@reboot"
--- @return string? message why the zone cannot be read
--- @return string? code
function schedule.plan(where, text, options, site)
  if type(text) ~= "string" then misuse.got(where, "text must be a string", text) end
  check_choices(where, options)
  local plan = { text = text, name = options.name or site or "", gap = options.gap or "after",
    fold = options.fold or "first" }
  if options.days then plan.days = options.days end -- most have none, which saves memory
  local sets, named = read(where, plan)
  local of, line, code = find_zone(where, named or options.tz)
  if not of then return nil, line, code end
  plan.zone, plan.line = of, line
  if not named and options.tz == nil then plan.is_local = true end
  if not sets then return plan end
  plan.fields = fields.new(sets)
  if not plan.fields then
    misuse.raise(where, ("a schedule must come sometime, and no date is like %s"):format(
      misuse.show(text)))
  end
  tell_of_or(plan, sets.days, site)
  return plan
end

--- Read a schedule: a text of cron, such as "30 9 * * mon-fri", with seconds in front, such
--- as "*/10 30 9 * * *", or "@daily"; or a calendar event of systemd.time(7), such as
--- "Mon..Fri *-*-* 09:30 Europe/Berlin" or "quarterly".
--- @param text string
--- @param options? timerlua.ScheduleOptions
--- @return timerlua.Schedule? schedule
--- @return string? message why the zone cannot be read
--- @return string? code as for tl.zone
--- Raises if the text is in neither language, naming the field, the rule, the value and the
--- column; if it names a date that never comes; or if no zone has the given name.
function schedule.schedule(text, options)
  local site = misuse.site()
  options = check.options("schedule", options, OPTIONS)
  local plan, message, code = schedule.plan("schedule", text, options, site)
  if not plan then return nil, message, code end
  local self = setmetatable({ text = text, zone = plan.zone }, Schedule)
  plans[self] = plan
  return self
end

-- The plan, in the local zone of now if that is the schedule's.
local function plan_of(self, method)
  local plan = plans[self]
    or check.wrong_self(self, method, "schedule", "a schedule", "schedule")
  if plan.is_local then
    local of, line = zone.find("schedule:" .. method)
    if of and of ~= plan.zone then
      plan.zone, plan.line, self.zone = of, line, of
    end
  end
  return plan
end

--- Return the first instant of the schedule after another.
--- @param t? timerlua.Moment default: now
--- @return integer? instant seconds since 1970; nil if there is none any more
function Schedule:next(t)
  local plan = plan_of(self, "next")
  t = moment.seconds_or_now("schedule:next", "t", t, plan.line)
  return plan.fields and runs.next(plan, t)
end

--- Return the last instant of the schedule before another.
--- @param t? timerlua.Moment default: now
--- @return integer? instant seconds since 1970; nil if there is none
function Schedule:prev(t)
  local plan = plan_of(self, "prev")
  t = moment.seconds_or_now("schedule:prev", "t", t, plan.line)
  return plan.fields and runs.prev(plan, t)
end

--- Return whether an instant is one of the schedule's, exactly to the second.
--- @param t timerlua.Moment
--- @return boolean matches
function Schedule:matches(t)
  local plan = plan_of(self, "matches")
  t = moment.seconds("schedule:matches", "t", t, plan.line)
  return plan.fields ~= nil and runs.next(plan, t - 1) == t
end

--- Iterate over the instants from one instant until before another.
--- @param from timerlua.Moment
--- @param to? timerlua.Moment default: without an end
--- @return fun(): integer? next for `for t in schedule:each(from, to) do`
function Schedule:each(from, to)
  local plan = plan_of(self, "each")
  local last = ceil(moment.seconds("schedule:each", "from", from, plan.line)) - 1
  to = to == nil and math.huge or moment.seconds("schedule:each", "to", to, plan.line)
  return function()
    last = last and plan.fields and runs.next(plan, last)
    if last and last >= to then last = nil end
    return last
  end
end

--- The language of a plan's text.
--- @return "cron"|"calendar text"
function schedule.language(plan)
  return is_cron(plan.text) and "cron" or "calendar text"
end

--- A plan in English.
function schedule.words(plan)
  local sets = read("schedule:describe", plan)
  return ("%s, %s (%s)"):format(describe.of(sets), plan.zone.name, schedule.language(plan))
end

--- Describe the schedule in English, with its zone and its language.
--- @return string words "at 09:30 on Monday to Friday, Europe/Berlin (cron)"
function Schedule:describe()
  return schedule.words(plan_of(self, "describe"))
end

return schedule
