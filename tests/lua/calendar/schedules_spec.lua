-- Schedules of cron beside a brute-force oracle on Python's zoneinfo, schedules.py, from
-- random instants, most of them near changes of the clock. CASES=n compares more (make
-- check-schedules); TEST_SEED=n repeats a run.
local random_cron = require "tests.lua.calendar.random_cron"
local support = require "tests.support"
local tl = require "timerlua"

local CASES = tonumber(os.getenv "CASES") or 300

-- With half an hour, at midnight, negative, a day skipped, many changes, and none.
local ZONES = { "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Europe/Dublin",
  "Pacific/Apia", "America/Sao_Paulo", "Asia/Tehran", "Africa/Casablanca", "Antarctica/Troll",
  "America/St_Johns", "Asia/Kolkata", "Africa/Cairo", "America/Asuncion", "Asia/Amman" }

local function has_oracle()
  local probe = "python3 -c 'import zoneinfo; zoneinfo.ZoneInfo(\"Europe/Berlin\")'"
  return support.shell(probe).code == 0
end

local function instant(year)
  return tl.zone("UTC"):time { year = year, month = 1, day = 1, hour = 0 }
end

local function cases_of(seed, count, zones, first, last)
  math.randomseed(seed)
  local cases, lines = {}, {}
  for i = 1, count do
    local case = random_cron.case(zones, instant(first + 10), instant(last - 10))
    cases[i] = case
    lines[i] = table.concat({ case.text, case.tz, case.gap, case.fold, case.days, case.start },
      "\t")
  end
  return cases, table.concat(lines, "\n") .. "\n"
end

-- What the schedule gives, in the oracle's form.
local function answer(case)
  local ok, schedule = pcall(tl.schedule, case.text,
    { tz = case.tz, gap = case.gap, fold = case.fold, days = case.days })
  if not ok then
    assert(schedule:find("must come sometime", 1, true), schedule)
    return "- - - - -"
  end
  local list, t = {}, case.start
  for i = 1, 3 do
    t = t and schedule:next(t)
    list[i] = t or "-"
    assert(not t or schedule:matches(t))
  end
  t = case.start
  for i = 4, 5 do
    t = t and schedule:prev(t)
    list[i] = t or "-"
    assert(not t or schedule:matches(t))
  end
  return table.concat(list, " ")
end

-- The oracle looks nine years far.
local NEAR = 9 * 365 * 86400 - 10 * 86400

local function same(expected, got, case)
  local given = {}
  for word in got:gmatch "%S+" do given[#given + 1] = word end
  local i = 0
  for word in expected:gmatch "%S+" do
    i = i + 1
    local far = word == "-" and math.abs((tonumber(given[i]) or 1 / 0) - case.start) > NEAR
    if word ~= given[i] and not far then return false end
  end
  return true
end

local function mismatches(cases, lines, first, last)
  local input, wrong, i = support.temporary(lines), {}, 0
  local pipe = assert(io.popen(("LD_PRELOAD= python3 tests/lua/calendar/schedules.py %d %d <%s")
    :format(first, last, input)))
  for expected in pipe:lines() do
    i = i + 1
    local case = cases[i]
    local got = answer(case)
    if not same(expected, got, case) and #wrong < 10 then
      wrong[#wrong + 1] = ("%s (%s, gap %s, fold %s, days %s) from %d: %s, got %s"):format(
        case.text, case.tz, case.gap, case.fold, case.days, case.start, expected, got)
    end
  end
  pipe:close()
  os.remove(input)
  assert.equal(#cases, i)
  return wrong
end

describe("schedules of cron", function()
  if not has_oracle() then
    pending "need python3 and tzdata as the other side"
    return
  end

  -- A few zones and years, as the oracle walks through them; all of them in the long run.
  local long = CASES > 1000
  local seed = support.seeds(1)[1]
  it(("agree with brute force (%d cases, seed %d)"):format(CASES, seed), function()
    local first, last = long and 1890 or 1985, long and 2110 or 2040
    local zones = {}
    for i, name in ipairs(ZONES) do
      if long or (i + seed) % 4 == 0 then zones[#zones + 1] = tl.zone(name) end
    end
    local cases, lines = cases_of(seed, CASES, zones, first, last)
    assert.same({}, mismatches(cases, lines, first, last))
  end)
end)
