-- tl.schedule: languages, errors, changes of the clock, and the methods of a schedule.
local ffi = require "ffi"
local support = require "tests.support"
local tl = require "timerlua"
local raised = support.raised

local function show(zone, t)
  if not t then return "never" end
  local at = zone:date(t)
  local seconds = at.sec ~= 0 and (":%02d"):format(at.sec) or ""
  return ("%04d-%02d-%02d %02d:%02d%s %s"):format(at.year, at.month, at.day, at.hour, at.min,
    seconds, at.zone)
end

-- The next instants in local time.
local function nexts(count, text, options, from)
  local schedule = assert(tl.schedule(text, options))
  local list, t = {}, from
  for i = 1, count do
    t = schedule:next(t)
    list[i] = show(schedule.zone, t)
    if not t then break end
    assert.is_true(schedule:matches(t))
  end
  return list
end

local function prevs(count, text, options, from)
  local schedule = assert(tl.schedule(text, options))
  local list, t = {}, from
  for i = 1, count do
    t = schedule:prev(t)
    list[i] = show(schedule.zone, t)
  end
  return list
end

describe("cron's text", function()
  local DATES = {
    ["30 9 * * mon-fri"] = { "2026-01-01 09:30 UTC", "2026-01-02 09:30 UTC",
      "2026-01-05 09:30 UTC" },
    ["0 0 29 2 *"] = { "2028-02-29 00:00 UTC", "2032-02-29 00:00 UTC", "2036-02-29 00:00 UTC" },
    ["0 0 L * ?"] = { "2026-01-31 00:00 UTC", "2026-02-28 00:00 UTC", "2026-03-31 00:00 UTC" },
    ["0 0 L-3 * *"] = { "2026-01-28 00:00 UTC", "2026-02-25 00:00 UTC", "2026-03-28 00:00 UTC" },
    ["0 0 LW * *"] = { "2026-01-30 00:00 UTC", "2026-02-27 00:00 UTC", "2026-03-31 00:00 UTC" },
    ["0 0 15W * *"] = { "2026-01-15 00:00 UTC", "2026-02-16 00:00 UTC", "2026-03-16 00:00 UTC" },
    ["0 0 1W * *"] = { "2026-01-01 00:00 UTC", "2026-02-02 00:00 UTC", "2026-03-02 00:00 UTC" },
    ["0 0 31W * *"] = { "2026-01-30 00:00 UTC", "2026-03-31 00:00 UTC", "2026-05-29 00:00 UTC" },
    ["0 0 * * fri#2"] = { "2026-01-09 00:00 UTC", "2026-02-13 00:00 UTC", "2026-03-13 00:00 UTC" },
    ["0 0 * * 5L"] = { "2026-01-30 00:00 UTC", "2026-02-27 00:00 UTC", "2026-03-27 00:00 UTC" },
    ["0 0 L,LW 2 *"] = { "2026-02-27 00:00 UTC", "2026-02-28 00:00 UTC", "2027-02-26 00:00 UTC" },
    ["0 0 * * fri-mon"] = { "2026-01-02 00:00 UTC", "2026-01-03 00:00 UTC",
      "2026-01-04 00:00 UTC" },
    ["0 0 1 nov-jan/2 *"] = { "2026-01-01 00:00 UTC", "2026-11-01 00:00 UTC",
      "2027-01-01 00:00 UTC" },
    ["0 22-2/2 1 1 *"] = { "2026-01-01 00:00 UTC", "2026-01-01 02:00 UTC", "2026-01-01 22:00 UTC" },
    ["0 0 * * 4/2"] = { "2026-01-01 00:00 UTC", "2026-01-03 00:00 UTC", "2026-01-08 00:00 UTC" },
    ["0 0 * * 7"] = { "2026-01-04 00:00 UTC", "2026-01-11 00:00 UTC", "2026-01-18 00:00 UTC" },
    ["5/25 * * * *"] = { "2026-01-01 00:05 UTC", "2026-01-01 00:30 UTC", "2026-01-01 00:55 UTC" },
    ["*/20 10 * * * *"] = { "2026-01-01 00:10 UTC", "2026-01-01 00:10:20 UTC",
      "2026-01-01 00:10:40 UTC" },
    ["@monthly"] = { "2026-01-01 00:00 UTC", "2026-02-01 00:00 UTC", "2026-03-01 00:00 UTC" },
    ["@weekly"] = { "2026-01-04 00:00 UTC", "2026-01-11 00:00 UTC", "2026-01-18 00:00 UTC" },
    ["@Hourly"] = { "2026-01-01 00:00 UTC", "2026-01-01 01:00 UTC", "2026-01-01 02:00 UTC" },
  }
  for text, expected in pairs(DATES) do
    it("is read: " .. text, function()
      assert.same(expected, nexts(3, text, { tz = "UTC" }, "2025-12-31T23:59:59Z"))
    end)
  end

  it("takes a day of the month or a weekday, or both", function()
    assert.same({ "2026-01-02 00:00 UTC", "2026-01-09 00:00 UTC", "2026-01-13 00:00 UTC" },
      nexts(3, "0 0 13 * 5", { tz = "UTC", days = "or" }, "2026-01-01"))
    assert.same({ "2026-02-13 00:00 UTC", "2026-03-13 00:00 UTC", "2026-11-13 00:00 UTC" },
      nexts(3, "0 0 13 * 5", { tz = "UTC", days = "and" }, "2026-01-01"))
    assert.same({ "2026-01-02 00:00 UTC", "2026-01-03 00:00 UTC", "2026-01-05 00:00 UTC" },
      nexts(3, "0 0 */2 * 5", { tz = "UTC", days = "or" }, "2026-01-01"))
  end)

  it("tells once that both days are restricted", function()
    local r = support.run [[local tl = require "timerlua"
      tl.schedule("0 0 13 * 5", { days = "or" })
      tl.schedule("0 0 13 * *")
      tl.schedule("0 0 13 * 5")
      tl.schedule("0 0 14 * 5")]]
    assert.equal('timerlua: (command line):4: "0 0 13 * 5" is on each such day of the month '
      .. 'and on each such weekday, as in POSIX; for days that are both, set days = "and"; '
      .. 'to keep this and not be told, days = "or"\n', r.err)
    assert.equal(0, r.code)
  end)

  it("never comes by itself as @reboot", function()
    local schedule = tl.schedule("@reboot", { tz = "UTC" })
    assert.is_nil(schedule:next(0))
    assert.is_nil(schedule:prev(0))
    assert.is_false(schedule:matches(0))
    assert.equal("when the program starts, UTC (cron)", schedule:describe())
  end)

  it("has H, which spreads by name and stays the same", function()
    local seen, count = {}, 0
    for i = 1, 600 do
      local t = tl.schedule("H * * * *", { tz = "UTC", name = "job " .. i }):next(0)
      assert.equal(t, tl.schedule("H * * * *", { tz = "UTC", name = "job " .. i }):next(0))
      seen[t] = (seen[t] or 0) + 1
    end
    for _, times in pairs(seen) do
      count = count + 1
      assert.is_true(times < 40) -- ten on average
    end
    assert.equal(60, count)
    -- the same on every machine
    assert.same({ "1970-01-20 03:34 UTC" },
      nexts(1, "H H H * *", { tz = "UTC", name = "backup" }, 0))
  end)

  it("has H in a range and with a step", function()
    for i = 1, 50 do
      local options = { tz = "UTC", name = tostring(i) }
      local at = tl.zone("UTC"):date(tl.schedule("H H(2-4) * * *", options):next(0))
      assert.is_true(at.hour >= 2 and at.hour <= 4)
      local schedule = tl.schedule("H/20 * * * *", options)
      local t = schedule:next(0)
      assert.is_true(t <= 20 * 60)
      assert.equal(t + 1200, schedule:next(t))
      assert.is_true(tl.zone("UTC"):date(tl.schedule("0 0 H * *", options):next(0)).day <= 28)
    end
  end)

  it("has H that depends on the line without a name", function()
    local one = tl.schedule("H H * * *", { tz = "UTC" }):next(0)
    local two = tl.schedule("H H * * *", { tz = "UTC" }):next(0)
    assert.not_equal(one, two)
  end)
end)

describe("calendar text", function()
  local DATES = {
    ["Mon..Fri *-*-* 09:30 Europe/Berlin"] = { "2026-01-01 09:30 CET", "2026-01-02 09:30 CET" },
    ["*-*~03"] = { "2026-01-29 00:00 UTC", "2026-02-26 00:00 UTC" },
    ["*:0/15"] = { "2026-01-01 00:00 UTC", "2026-01-01 00:15 UTC" },
    quarterly = { "2026-01-01 00:00 UTC", "2026-04-01 00:00 UTC" },
    ["Mon *-05~07/1"] = { "2026-05-25 00:00 UTC", "2027-05-31 00:00 UTC" },
    ["weekly Asia/Tokyo"] = { "2026-01-05 00:00 JST", "2026-01-12 00:00 JST" },
    ["12-25 18:00:30"] = { "2026-12-25 18:00:30 UTC", "2027-12-25 18:00:30 UTC" },
    ["2027-*-01,15"] = { "2027-01-01 00:00 UTC", "2027-01-15 00:00 UTC" },
    ["daily +05:30"] = { "2026-01-02 00:00 +0530", "2026-01-03 00:00 +0530" },
  }
  for text, expected in pairs(DATES) do
    it("is read: " .. text, function()
      assert.same(expected, nexts(2, text, { tz = "UTC" }, "2025-12-31T23:59:59Z"))
    end)
  end

  it("may be over", function()
    local schedule = tl.schedule "2012-01-01 UTC"
    assert.is_nil(schedule:next(1.7e9))
    assert.equal(1325376000, schedule:prev(1.7e9))
  end)
end)

describe("a fixed time", function()
  local BERLIN = { tz = "Europe/Berlin" }

  it("in a gap comes at the first instant after it", function()
    assert.same({ "2026-03-28 02:30 CET", "2026-03-29 03:00 CEST", "2026-03-30 02:30 CEST" },
      nexts(3, "30 2 * * *", BERLIN, "2026-03-28"))
    assert.same({ "2026-03-30 02:30 CEST", "2026-03-29 03:00 CEST", "2026-03-28 02:30 CET" },
      prevs(3, "30 2 * * *", BERLIN, "2026-03-31"))
  end)

  it("in a gap may be skipped", function()
    assert.same({ "2026-03-28 02:30 CET", "2026-03-30 02:30 CEST" },
      nexts(2, "30 2 * * *", { tz = "Europe/Berlin", gap = "skip" }, "2026-03-28"))
  end)

  it("in a fold comes first, last, or twice", function()
    local function of(fold)
      return nexts(2, "30 2 * * *", { tz = "Europe/Berlin", fold = fold }, "2026-10-25")
    end
    assert.same({ "2026-10-25 02:30 CEST", "2026-10-26 02:30 CET" }, of(nil))
    assert.same({ "2026-10-25 02:30 CEST", "2026-10-26 02:30 CET" }, of "first")
    assert.same({ "2026-10-25 02:30 CET", "2026-10-26 02:30 CET" }, of "last")
    assert.same({ "2026-10-25 02:30 CEST", "2026-10-25 02:30 CET" }, of "both")
  end)

  it("is each entry of a list or range for itself", function()
    assert.same({ "2026-03-29 01:00 CET", "2026-03-29 03:00 CEST", "2026-03-29 04:00 CEST",
      "2026-03-30 01:00 CEST" }, nexts(4, "0 1-4 * * *", BERLIN, "2026-03-29"))
    assert.same({ "2026-10-25 01:00 CEST", "2026-10-25 02:00 CEST", "2026-10-25 03:00 CET" },
      nexts(3, "0 1,2,3 * * *", BERLIN, "2026-10-25"))
  end)

  it("is one with any seconds", function()
    assert.same({ "2026-03-29 03:00 CEST", "2026-03-30 02:30 CEST", "2026-03-30 02:30:10 CEST" },
      nexts(3, "*/10 30 2 * * *", BERLIN, "2026-03-29"))
  end)

  it("moves over 30 minutes, midnight, and a whole day", function()
    assert.same({ "2026-10-04 02:30 +11", "2026-10-05 02:15 +11" },
      nexts(2, "15 2 * * *", { tz = "Australia/Lord_Howe" }, "2026-10-04"))
    assert.same({ "2018-11-03 00:00 -03", "2018-11-04 01:00 -02", "2018-11-05 00:00 -02" },
      nexts(3, "0 0 * * *", { tz = "America/Sao_Paulo" }, "2018-11-02T12:00:00Z"))
    assert.same({ "2011-12-29 09:00 -10", "2011-12-31 00:00 +14", "2011-12-31 09:00 +14" },
      nexts(3, "0 9 * * *", { tz = "Pacific/Apia" }, "2011-12-29"))
    assert.same({ "2011-12-31 00:00 +14", "2012-12-30 09:00 +14" },
      nexts(2, "0 9,10 30 12 *", { tz = "Pacific/Apia" }, "2011-12-29"))
  end)

  it("never comes when each of its times is skipped", function()
    local options = { tz = "Europe/Berlin", gap = "skip", days = "and" }
    local schedule = tl.schedule("30 2 25-31 3 7", options)
    assert.is_nil(schedule:next "2026-01-01")
    assert.equal("1980-03-30 02:30 CET", show(schedule.zone, schedule:prev "2026-01-01"))
    assert.is_nil(tl.schedule("2011-12-30 09:00 Pacific/Apia", { gap = "skip" }):next(0))
  end)
end)

describe("a cadence", function()
  local BERLIN = { tz = "Europe/Berlin" }

  it("has no hour without runs and no hour with twice as many", function()
    assert.same({ "2026-03-29 01:30 CET", "2026-03-29 03:00 CEST", "2026-03-29 03:30 CEST" },
      nexts(3, "*/30 * * * *", BERLIN, "2026-03-29 01:00"))
    assert.same({ "2026-10-25 02:30 CEST", "2026-10-25 02:00 CET", "2026-10-25 02:30 CET",
      "2026-10-25 03:00 CET" }, nexts(4, "*/30 * * * *", BERLIN, "2026-10-25 02:00"))
  end)

  it("in one hour has no runs in a gap, and runs again in a fold", function()
    assert.same({ "2026-03-28 02:30 CET", "2026-03-30 02:00 CEST" },
      nexts(2, "*/30 2 * * *", BERLIN, "2026-03-28 02:00"))
    assert.same({ "2026-10-25 02:30 CEST", "2026-10-25 02:00 CET", "2026-10-25 02:30 CET",
      "2026-10-26 02:00 CET" }, nexts(4, "*/30 2 * * *", BERLIN, "2026-10-25 02:00"))
  end)
end)

describe("a schedule", function()
  local daily = tl.schedule("30 9 * * *", { tz = "UTC" })

  it("has a text and a zone", function()
    assert.equal("30 9 * * *", daily.text)
    assert.equal(tl.zone "UTC", daily.zone)
    assert.equal("timerlua.Schedule: 30 9 * * * (UTC)", tostring(daily))
    assert.equal(tl.zone "Asia/Tokyo", tl.schedule("@daily", { tz = tl.zone "Asia/Tokyo" }).zone)
  end)

  it("comes strictly after and before an instant", function()
    assert.equal(34200, daily:next(0))
    assert.equal(34200, daily:next(34199.5))
    assert.equal(120600, daily:next(34200))
    assert.equal(34200, daily:prev(34200.5))
    assert.equal(-52200, daily:prev(34200))
    assert.equal(-52200, daily:prev(-52199))
    assert.is_true(daily:next() > tl.time() and daily:next() <= tl.time() + 86400)
    assert.is_true(daily:prev() < tl.time())
  end)

  it("matches to the second", function()
    assert.is_true(daily:matches(34200))
    assert.is_false(daily:matches(34201))
    assert.is_false(daily:matches(34200.5))
    assert.is_true(daily:matches "1970-01-02T09:30:00Z")
  end)

  it("iterates from an instant until before another", function()
    local list = {}
    for t in daily:each(34200, 34200 + 2 * 86400) do list[#list + 1] = t end
    assert.same({ 34200, 120600 }, list)
    assert.equal(120600, daily:each(34200.5)())
    for _ in daily:each(5, 5) do error("none was expected") end
    for _ in tl.schedule("@reboot"):each(0) do error("none was expected") end
  end)

  it("takes local times of its zone", function()
    local schedule = tl.schedule("0 0 * * *", { tz = "Asia/Tokyo" })
    assert.equal(schedule:next "2026-01-01 00:00", schedule:next "2026-01-01T00:00:00+09:00")
    assert.equal(schedule:next "2026-01-01 12:00",
      schedule:next { year = 2026, month = 1, day = 1, hour = 12 })
    assert.equal(schedule:next "2026-01-01 00:00", schedule:next(1767193200000000000LL))
  end)

  it("is exact in far years", function()
    assert.equal("9999-12-31 23:59 UTC", show(tl.zone "UTC",
      tl.schedule("59 23 31 12 *", { tz = "UTC" }):next "9999-01-01T00:00:00Z"))
    assert.equal("0001-01-02 00:00 UTC", show(tl.zone "UTC",
      tl.schedule("@daily", { tz = "UTC" }):next "0001-01-01T00:00:00Z"))
    assert.same({ "2096-02-29 00:00 UTC", "2104-02-29 00:00 UTC" },
      nexts(2, "0 0 29 2 *", { tz = "UTC" }, "2095-01-01"))
    assert.same({ "1932-02-29 00:00 UTC" },
      nexts(1, "0 0 29 2 1", { tz = "UTC", days = "and" }, "1905-01-01"))
  end)

  it("follows the local zone when that changes", function()
    ffi.cdef "int setenv(const char *name, const char *value, int overwrite);"
    ffi.cdef "int unsetenv(const char *name);"
    local before = os.getenv "TZ"
    finally(function()
      if before then ffi.C.setenv("TZ", before, 1) else ffi.C.unsetenv "TZ" end
    end)
    ffi.C.setenv("TZ", "Asia/Tokyo", 1)
    local schedule = tl.schedule "30 9 * * *"
    assert.equal(1800, schedule:next(0))
    ffi.C.setenv("TZ", "Europe/Berlin", 1)
    assert.equal(30600, schedule:next(0))
    assert.equal("Europe/Berlin", schedule.zone.name)
  end)

  it("costs microseconds, however far away it is", function()
    local schedules = { tl.schedule("0 0 29 2 *", { tz = "Europe/Berlin" }),
      tl.schedule("0 0 29 2 1", { tz = "Europe/Berlin", days = "and" }),
      tl.schedule("30 2 25-31 3 7", { tz = "Europe/Berlin", gap = "skip", days = "and" }) }
    for _, schedule in ipairs(schedules) do
      local begin = os.clock()
      for _ = 1, 20 do schedule:next(1.7e9) end
      assert.is_true(os.clock() - begin < 1, schedule.text)
    end
  end)
end)

describe("the description of a schedule", function()
  local WORDS = {
    ["30 9 * * mon-fri"] = "at 09:30 on Monday to Friday, UTC (cron)",
    ["* * * * *"] = "every minute, UTC (cron)",
    ["*/15 * * * *"] = "every 15 minutes, UTC (cron)",
    ["*/7 * * * *"] = "every hour at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56, UTC (cron)",
    ["*/10 9-17 * * 1-5"] = "every 10 minutes from 09:00 to 17:59 on Monday to Friday, UTC (cron)",
    ["5 * * * *"] = "every hour at minute 5, UTC (cron)",
    ["0 */6 * * *"] = "at 00:00, 06:00, 12:00 and 18:00 every day, UTC (cron)",
    ["0 */2 * * *"] = "every 2 hours, UTC (cron)",
    ["30 1-23/2 * * *"] = "every 2 hours from 01:00 at minute 30, UTC (cron)",
    ["*/10 * * * * *"] = "every 10 seconds, UTC (cron)",
    ["* * * * * *"] = "every second, UTC (cron)",
    ["30 * * * * *"] = "at second 30, every minute, UTC (cron)",
    ["*/5 1,2,4 * * *"] = "every 5 minutes in the hours 1, 2 and 4, UTC (cron)",
    ["*/5 */3 * * *"] = "every 5 minutes in every 3rd hour, UTC (cron)",
    ["30 2 10 * * *"] = "at 10:02:30 every day, UTC (cron)",
    ["0 0 1,15,L,15W,LW * *"] = "at 00:00 on days 1 and 15, the working day nearest to day 15, "
      .. "the last day and the last working day of the month, UTC (cron)",
    ["0 0 L-3 1-3 *"] = "at 00:00 on the 4th last day of the month in January to March, UTC (cron)",
    ["0 0 * * 5#2,1L"] = "at 00:00 on the 2nd Friday and the last Monday of the month, UTC (cron)",
    ["0 0 13 * 5"] = "at 00:00 on day 13 of the month or on Friday, UTC (cron)",
    ["Fri *-*-13"] = "at 00:00 on Friday, if that is on day 13 of the month, UTC (calendar text)",
    ["2026-*-01 10:00"] = "at 10:00 on day 1 of the month in 2026, UTC (calendar text)",
    ["@daily"] = "at 00:00 every day, UTC (cron)",
    daily = "at 00:00 every day, UTC (calendar text)",
  }
  for text, words in pairs(WORDS) do
    it("is: " .. words, function()
      assert.equal(words, tl.schedule(text, { tz = "UTC", days = "or" }):describe())
    end)
  end
end)

describe("a wrong schedule", function()
  local MESSAGES = {
    ["60 * * * *"] = 'minute must be 0-59, got 60 (field 1, column 1 of "60 * * * *")',
    ["0 0 * jan-foo *"] = 'month must be 1-12 or jan-dec, got foo '
      .. '(field 4, column 11 of "0 0 * jan-foo *")',
    ["0 0 * * mon,8"] = 'weekday must be 0-7 or sun-sat, got 8 '
      .. '(field 5, column 13 of "0 0 * * mon,8")',
    ["0 0 1,,2 * *"] = 'day of the month must be 1-31, got nothing '
      .. '(field 3, column 7 of "0 0 1,,2 * *")',
    ["*/0 * * * *"] = 'step of the minute must be 1-59, got 0 (field 1, column 3 of "*/0 * * * *")',
    ["*/60 * * * *"] = 'step of the minute must be 1-59, got 60 '
      .. '(field 1, column 3 of "*/60 * * * *")',
    ["0 1-24 * * *"] = 'hour must be 0-23, got 24 (field 2, column 5 of "0 1-24 * * *")',
    ["60 0 0 * * *"] = 'second must be 0-59, got 60 (field 1, column 1 of "60 0 0 * * *")',
    ["0 0 0 L-31 * *"] = 'day of the month must be L-1 to L-30, got L-31 '
      .. '(field 4, column 9 of "0 0 0 L-31 * *")',
    ["0 0 * * 5#6"] = 'weekday must be followed by #1 to #5, got 5#6 '
      .. '(field 5, column 11 of "0 0 * * 5#6")',
    ["0 0 * * L"] = 'weekday must be a weekday in front of L, such as 5L, got L '
      .. '(field 5, column 9 of "0 0 * * L")',
    ["? * * * *"] = 'minute must be 0-59, got ? (field 1, column 1 of "? * * * *")',
    ["  0 0 32W * *"] = 'day of the month must be 1-31, got 32 '
      .. '(field 3, column 7 of "  0 0 32W * *")',
    ["0 9 * *"] = "cron's text must have 5 fields (minute, hour, day of the month, month, "
      .. 'weekday), or 6 with seconds in front, got 4 in "0 9 * *"',
    ["0 0 31 2 *"] = 'a schedule must come sometime, and no date is like "0 0 31 2 *"',
    ["0 0 31W 2,4 *"] = 'a schedule must come sometime, and no date is like "0 0 31W 2,4 *"',
    ["*-02-30"] = 'a schedule must come sometime, and no date is like "*-02-30"',
    ["@dayly"] = "a word must be one of @annually, @daily, @hourly, @midnight, @monthly, @reboot, "
      .. '@weekly, @yearly, got "@dayly"; did you mean "@daily"?',
    quaterly = 'calendar text must be like "Mon..Fri *-*-* 09:30 Europe/Berlin" or one of '
      .. "annually, daily, hourly, minutely, monthly, quarterly, semiannually, weekly, yearly, "
      .. 'got "quaterly"; did you mean "quarterly"?',
    ["*-*-* *:*/15"] = "minute must be a number in front of a step or in a list, such as 0/15, "
      .. 'got */15 (column 9 of "*-*-* *:*/15")',
    ["*-13-01"] = 'month must be 1-12, got 13 (column 3 of "*-13-01")',
    ["Mon..Foo 10:00"] = 'weekday must be Mon-Sun, got Foo (column 6 of "Mon..Foo 10:00")',
    ["10:00:00.5"] = "second must be whole: schedules have no fractions of a second, got 00.5 "
      .. '(column 7 of "10:00:00.5")',
    ["12:00 Mars/Phobos"] = 'there is no time zone "Mars/Phobos"',
    ["12:00 Europe/Berln"] = 'there is no time zone "Europe/Berln"; did you mean "Europe/Berlin"?',
  }
  for text, message in pairs(MESSAGES) do
    it(("is told: %q"):format(text), function()
      assert.equal("HERE: timerlua.schedule: " .. message,
        raised(function() tl.schedule(text, { tz = "UTC" }) end))
    end)
  end

  it("is told for its options", function()
    assert.equal('HERE: timerlua.schedule: gap must be "after" or "skip", got "before"',
      raised(function() tl.schedule("@daily", { gap = "before" }) end))
    assert.equal("HERE: timerlua.schedule: tz must be the name of a zone or a zone, got 5",
      raised(function() tl.schedule("@daily", { tz = 5 }) end))
    assert.equal("HERE: timerlua.schedule: an option must be one of days, fold, gap, name, tz, "
      .. 'got "zone"', raised(function() tl.schedule("@daily", { zone = "UTC" }) end))
    assert.equal("HERE: timerlua.schedule: text must be a string, got nil",
      raised(function() tl.schedule() end))
  end)

  it("may be any text", function()
    local seed = support.seeds(1)[1]
    math.randomseed(seed)
    local PIECES = { "*", "/", "-", ",", "L", "W", "#", "?", "H", "(", ")", "~", "..", ":", "@",
      " ", " ", " ", "0", "5", "31", "60", "mon", "jan", "UTC", "2026", "\0", "\255", "%",
      "99999999999" }
    local read = 0
    for _ = 1, 20000 do
      local words = {}
      for i = 1, math.random(14) do words[i] = PIECES[math.random(#PIECES)] end
      local ok, result = pcall(tl.schedule, table.concat(words), { tz = "UTC", days = "or" })
      if ok then
        read = read + 1
        result:next(0)
        result:describe()
      else
        assert.truthy(tostring(result):find("timerlua.schedule: ", 1, true),
          ("%q: %s (seed %d)"):format(table.concat(words), tostring(result), seed))
      end
    end
    assert.is_true(read > 20, read)
  end)
end)
