-- timerlua explain.
local support = require "tests.support"

local function explain(...)
  return support.run({ "explain", ... })
end

local function lines_of(...)
  local r = explain(...)
  assert.equal("", r.err)
  assert.equal(0, r.code)
  local lines = {}
  for line in r.out:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  return lines
end

describe("timerlua explain", function()
  it("prints instants in local time and in UTC", function()
    assert.same({ "Mon..Fri 09:30: at 09:30 on Monday to Friday, Asia/Kolkata (calendar text)", "",
      "Asia/Kolkata                        UTC",
      "Fri 2026-01-02 09:30:00 +05:30 IST  2026-01-02 04:00:00",
      "Mon 2026-01-05 09:30:00 +05:30 IST  2026-01-05 04:00:00" },
      lines_of("Mon..Fri 09:30", "--tz", "Asia/Kolkata", "-n2", "--from", "2026-01-02 09:30"))
  end)

  it("prints ten from now on", function()
    local lines = lines_of("* * * * *")
    assert.equal(13, #lines)
    assert.truthy(lines[4]:find(os.date "!%Y-"))
  end)

  local function notes(...)
    local list = {}
    for _, line in ipairs(lines_of(...)) do
      list[#list + 1] = line:match "^  %* (.*)$"
    end
    return list
  end

  local GAP = "the clock goes from 02:00:00 to 03:00:00"

  it("tells what a gap does", function()
    assert.same({ "02:30:00 on 2026-03-29 does not exist, as " .. GAP
      .. "; it comes at once after that" },
      notes("30 2 * * *", "--tz=Europe/Berlin", "--from=2026-03-01", "-n", "40"))
    assert.same({ "02:30:00 on 2026-03-29 does not exist, as " .. GAP .. "; it is skipped" },
      notes("30 2 * * *", "--tz=Europe/Berlin", "--from=2026-03-01", "-n", "40", "--gap=skip"))
    assert.same({ "on 2026-03-29 " .. GAP .. ", and no time in between exists" },
      notes("*/30 * * * *", "--tz=Europe/Berlin", "--from=2026-03-29", "-n", "20"))
    assert.same({ "09:00:00 on 2011-12-30 does not exist, as the clock goes from 2011-12-30 "
      .. "00:00:00 to 2011-12-31 00:00:00; it comes at once after that" },
      notes("0 9 * * *", "--tz=Pacific/Apia", "--from=2011-12-29", "-n", "5"))
  end)

  it("tells which of two times a fold's is", function()
    local function of(...)
      return notes("30 2 * * *", "--tz=Europe/Berlin", "--from=2026-10-20", ...)
    end
    local first = "the clock shows 02:30:00 twice on 2026-10-25; this is the first time"
    local second = "the clock shows 02:30:00 twice on 2026-10-25; this is the second time"
    assert.same({ first }, of())
    assert.same({ second }, of "--fold=last")
    assert.same({ first, second }, of "--fold=both")
  end)

  it("has no notes where no time of the schedule is touched", function()
    assert.same({}, notes("0 9 * * *", "--tz=Europe/Berlin", "--from=2026-01-01", "-n", "400"))
  end)

  it("says when there are no more instants", function()
    assert.same({ "2012-01-01 UTC: at 00:00 on day 1 of the month in January in 2012, UTC "
      .. "(calendar text)", "", "no more instants" }, lines_of("2012-01-01 UTC"))
    assert.same({ "@reboot: when the program starts, UTC (cron)", "", "no more instants" },
      lines_of("@reboot", "--tz=UTC"))
  end)

  it("tells nothing about days that are combined by OR but in its words", function()
    assert.equal("0 0 13 * 5: at 00:00 on day 13 of the month or on Friday, UTC (cron)",
      lines_of("0 0 13 * 5", "--tz=UTC")[1])
    assert.equal("0 0 13 * 5: at 00:00 on Friday, if that is on day 13 of the month, UTC (cron)",
      lines_of("0 0 13 * 5", "--tz=UTC", "--days=and")[1])
  end)

  it("prints JSON that others read", function()
    local r = support.run({ "explain", "30 2 * * *", "--tz=Europe/Berlin", "--json", "-n", "2",
      "--from=2026-03-28 12:00" })
    assert.equal("", r.err)
    local path = support.temporary(r.out)
    local parsed = support.shell(("python3 -c 'import json, sys; o = json.load(open(sys.argv[1])); "
      .. "print(o[\"zone\"], *[x[\"at\"] for x in o[\"runs\"]], *map(len, [x[\"notes\"] for x in "
      .. "o[\"runs\"]]))' %s"):format(path))
    os.remove(path)
    if parsed.code ~= 127 then -- no python3
      assert.equal("Europe/Berlin 1774746000 1774830600 1 0\n", parsed.out)
    end
    assert.truthy(r.out:find('"local":"2026-03-29T03:00:00+02:00"', 1, true))
  end)

  local WRONG = {
    [{ "60 * * * *" }] = 'minute must be 0-59, got 60 (field 1, column 1 of "60 * * * *")',
    [{ "@daily", "--tz", "Europe/Berln" }] =
      'there is no time zone "Europe/Berln"; did you mean "Europe/Berlin"?',
    [{ "@daily", "--gap=before" }] = 'gap must be "after" or "skip", got "before"',
    [{ "@daily", "--from=noon" }] = '--from must be an instant like "2030-01-31T09:30:00Z", '
      .. '"2030-01-31 09:30:00+01:00" or "2030-01-31 09:30" (local time), got "noon"',
    [{ "@daily", "-n", "0" }] = "-n must be a whole number from 1 to 100000, got '0'",
    [{ "@daily", "-n" }] = "-n needs a value",
    [{ "@daily", "--form=5" }] = "unknown option '--form'; did you mean --from?",
    [{ "@daily", "--json=5" }] = "unknown option '--json'",
    [{}] = "no schedule given",
    [{ "30", "2" }] = "one schedule is explained at a time; quote its text",
  }
  for words, message in pairs(WRONG) do
    it("refuses: " .. table.concat(words, " "), function()
      local r = explain(unpack(words))
      assert.equal("timerlua: explain: " .. message .. "\ntry 'timerlua explain --help'\n", r.err)
      assert.equal("", r.out)
      assert.equal(2, r.code)
    end)
  end

  it("has its own help", function()
    local r = explain "--help"
    assert.equal(0, r.code)
    local page = support.read "docs/calendar.md"
    for option in r.out:gmatch "\n  (%-%-?%l+)" do
      assert.truthy(page:find("`" .. option, 1, true) or option == "-h", option)
    end
  end)

  it("fails when its output is lost", function()
    local r = support.shell(support.program .. " explain @daily >/dev/full")
    assert.equal(1, r.code)
    assert.truthy(r.err:find "standard output cannot be written")
  end)

  it("is told without zones", function()
    local r = support.run({ "explain", "@daily", "--tz=Europe/Berlin" },
      { before = "TZDIR=/nowhere " })
    assert.equal("timerlua: explain: time zone Europe/Berlin: not in /nowhere; Debian's package "
      .. "tzdata has it\n", r.err)
    assert.equal(1, r.code)
  end)

  it("leaves a script of its name to a path", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder) == 0)
    support.write(folder .. "/explain", "print('the script')")
    local r = support.shell(("cd %s && %s ./explain"):format(folder, support.program))
    assert.equal("the script\n", r.out)
    os.execute("rm -r " .. folder)
  end)
end)
