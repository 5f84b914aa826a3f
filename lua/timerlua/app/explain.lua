-- timerlua explain: a schedule in words, its next instants, and what changes of the clock
-- do to them.
local civil = require "timerlua.core.civil"
local json = require "timerlua.app.json"
local misuse = require "timerlua.core.misuse"
local moment = require "timerlua.calendar.moment"
local nearest = require "timerlua.core.nearest"
local runs = require "timerlua.calendar.runs"
local schedule = require "timerlua.calendar.schedule"
local timeline = require "timerlua.calendar.timeline"

local USAGE = [==[
usage: timerlua explain SCHEDULE [options]

Describes a schedule of cron or systemd, such as "30 2 * * *" or "Mon..Fri 09:30",
and prints its next instants, with a note where a change of the clock matters.

  --tz=ZONE           the zone, if the schedule names none; default: the local zone
  -n COUNT            how many instants; default 10
  --from=INSTANT      the first possible instant, such as "2026-03-28" or
                      "2026-03-28T12:00:00Z"; default: now
  --gap=after, --gap=skip
                      a fixed time that the clock skips comes after the gap (the
                      default), or not at all
  --fold=first, --fold=last, --fold=both
                      which of two instants with the same local time counts
  --days=or, --days=and
                      a day of the month or a weekday (the default), or both
  --name=NAME         what H in the schedule depends on
  --json              print JSON
  -h, --help          print this

A value may also be the next word: --tz Europe/Berlin.
]==]

local explain = {}

-- ---------------------------------------------------------------------------
-- options

local WITH_VALUE = { "--tz", "--from", "--gap", "--fold", "--days", "--name", "-n" }
local ALL = { "--tz", "--from", "--gap", "--fold", "--days", "--name", "--json", "--help" }
local MOST = 100000 -- instants

local function is_with_value(flag)
  for _, each in ipairs(WITH_VALUE) do
    if each == flag then return true end
  end
  return false
end

local function unknown(flag)
  local meant = nearest.of(flag, ALL)
  return nil, ("unknown option '%s'%s"):format(flag,
    meant and meant ~= flag and ("; did you mean %s?"):format(meant) or "")
end

-- The flag of a word, and its value if that is in the word.
local function split(word)
  local flag, value = string.match(word, "^(%-%-%l+)=(.*)$")
  if not flag then flag, value = string.match(word, "^(%-n)(.+)$") end
  return flag or word, value
end

-- Returns the options, by the names of flags without dashes, or nil, message.
local function parse(argv)
  local options, i = {}, 2
  while argv[i] do
    local flag, value = split(argv[i])
    if string.sub(flag, 1, 1) ~= "-" or flag == "-" then
      if options.text then return nil, "one schedule is explained at a time; quote its text" end
      options.text = flag
    elseif is_with_value(flag) then
      if not value then
        i = i + 1
        value = argv[i]
      end
      if not value then return nil, flag .. " needs a value" end
      options[string.match(flag, "%l+")] = value
    elseif not value and (flag == "--json" or flag == "--help" or flag == "-h") then
      options[flag == "--json" and "json" or "help"] = true
    else
      return unknown(flag)
    end
    i = i + 1
  end
  return options
end

-- ---------------------------------------------------------------------------
-- instants in words

local WEEKDAYS = { [0] = "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }

local function date_of(reading)
  local days = math.floor(reading / 86400)
  return ("%04d-%02d-%02d"):format(civil.date(days)), WEEKDAYS[civil.weekday(days)]
end

local function time_of(reading)
  local seconds = reading % 86400
  return ("%02d:%02d:%02d"):format(math.floor(seconds / 3600), math.floor(seconds / 60) % 60,
    seconds % 60)
end

local function offset_of(seconds)
  local minutes = math.floor(math.abs(seconds) / 60)
  local rest = math.abs(seconds) % 60
  return ("%s%02d:%02d%s"):format(seconds < 0 and "-" or "+", math.floor(minutes / 60),
    minutes % 60, rest ~= 0 and (":%02d"):format(rest) or "")
end

-- What the change at the beginning of segment i did to times in the gap; nil if nothing.
local function note_of_gap(plan, i, t)
  local line = plan.line
  local before, after = line.at[i] + line.offset[i - 1], line.at[i] + line.offset[i]
  local reading = after > before and runs.touched(plan, i)
  if not reading then return nil end
  local date = date_of(before)
  local change = ("the clock goes from %s to %s"):format(time_of(before), time_of(after))
  if date_of(after) ~= date then
    change = ("the clock goes from %s %s to %s %s"):format(date, time_of(before),
      date_of(after), time_of(after))
  end
  if plan.fields.is_fixed == 0 then
    return ("on %s %s, and no time in between exists"):format(date, change)
  end
  return ("%s on %s does not exist, as %s; it %s"):format(time_of(reading), date_of(reading),
    change, plan.gap == "skip" and "is skipped" or line.at[i] == t and "comes at once after that"
    or "came at once after that")
end

local function note_of_fold(plan, i, reading)
  local before = timeline.shown_before(plan.line, i, reading)
  if not before and not timeline.shown_again(plan.line, i, reading) then return nil end
  return ("the clock shows %s twice on %s; this is the %s time"):format(time_of(reading),
    date_of(reading), before and "second" or "first")
end

-- Notes about a run at t; `last` is the run before, or where the search began.
local function notes_of(plan, last, t)
  local line, notes = plan.line, {}
  local i = timeline.segment(line, t)
  for k = timeline.segment(line, last) + 1, i do
    notes[#notes + 1] = note_of_gap(plan, k, t)
  end
  notes[#notes + 1] = note_of_fold(plan, i, t + line.offset[i])
  return notes
end

local function run_at(plan, last, t)
  local kind = plan.line.kind[timeline.segment(plan.line, t)]
  local reading = t + kind.offset
  local date, weekday = date_of(reading)
  local utc = date_of(t)
  return { at = t, date = date, weekday = weekday, time = time_of(reading),
    offset = offset_of(kind.offset), abbreviation = kind.abbreviation,
    utc = utc .. " " .. time_of(t), notes = notes_of(plan, last, t) }
end

local function runs_of(plan, from, count)
  local list, t = {}, math.ceil(from) - 1
  while #list < count do
    local last = t
    t = plan.fields and runs.next(plan, t)
    if not t then break end
    list[#list + 1] = run_at(plan, last, t)
  end
  return list
end

-- ---------------------------------------------------------------------------
-- output

local function text_of(plan, list, count)
  local lines = { plan.text .. ": " .. schedule.words(plan), "" }
  local row = "%-36s%s"
  if #list > 0 then lines[#lines + 1] = row:format(plan.zone.name, "UTC") end
  for _, run in ipairs(list) do
    lines[#lines + 1] = row:format(("%s %s %s %s %s"):format(run.weekday, run.date, run.time,
      run.offset, run.abbreviation), run.utc)
    for _, note in ipairs(run.notes) do lines[#lines + 1] = "  * " .. note end
  end
  if #list < count then lines[#lines + 1] = "no more instants" end
  return table.concat(lines, "\n") .. "\n"
end

local function json_of(plan, list)
  local rows = {}
  for i, run in ipairs(list) do
    rows[i] = json.object { { "at", run.at },
      { "local", ("%sT%s%s"):format(run.date, run.time, run.offset) },
      { "utc", string.gsub(run.utc, " ", "T") .. "Z" }, { "abbreviation", run.abbreviation },
      { "notes", json.list(run.notes) } }
  end
  return json.text(json.object { { "text", plan.text }, { "language", schedule.language(plan) },
    { "words", schedule.words(plan) }, { "zone", plan.zone.name }, { "gap", plan.gap },
    { "fold", plan.fold }, { "runs", json.list(rows) } }) .. "\n"
end

local function usage_error(message)
  io.stderr:write("timerlua: explain: ", message, "\ntry 'timerlua explain --help'\n")
  return 2
end

-- Write what was asked for. Returns the exit status.
local function write(text)
  local ok, why = io.stdout:write(text)
  if ok then ok, why = io.stdout:flush() end
  if ok then return 0 end
  io.stderr:write("timerlua: explain: standard output cannot be written: ", why, "\n")
  return 1
end

local function plan_and_start(options)
  local plan, message = schedule.plan("explain", options.text, { tz = options.tz,
    gap = options.gap, fold = options.fold, days = options.days or "or",
    name = options.name or "" })
  if not plan then return nil, message end
  return plan, moment.seconds_or_now("explain", "--from", options.from and tonumber(options.from)
    or options.from, plan.line)
end

--- Called with the command line of the program.
--- @return integer code exit status
function explain.main(argv)
  local options, message = parse(argv)
  if not options then return usage_error(message) end
  if options.help then return write(USAGE) end
  if not options.text then return usage_error "no schedule given" end
  local count = tonumber(options.n or 10)
  if not count or count % 1 ~= 0 or count < 1 or count > MOST then
    return usage_error(("-n must be a whole number from 1 to %d, got '%s'"):format(MOST, options.n))
  end
  local ok, plan, from = pcall(plan_and_start, options)
  if not ok then
    return usage_error((misuse.without_position(plan):gsub("^timerlua%.explain: ", "")))
  end
  if not plan then
    io.stderr:write("timerlua: explain: ", from, "\n")
    return 1
  end
  local list = runs_of(plan, from, count)
  return write(options.json and json_of(plan, list) or text_of(plan, list, count))
end

return explain
