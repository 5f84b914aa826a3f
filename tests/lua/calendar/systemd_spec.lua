-- Calendar text beside systemd-analyze calendar, where that is installed: in zones without
-- daylight saving time, where the rules are the same, and away from changes of the clock.
-- CASES=n compares more; TEST_SEED=n repeats a run.
local support = require "tests.support"
local tl = require "timerlua"

local random = math.random
local CASES = math.min(tonumber(os.getenv "CASES") or 40, 500)
local ITERATIONS = 3

local function has_systemd()
  local probe = "systemd-analyze calendar --iterations=2 --base-time='2026-01-01 00:00:00 UTC' "
    .. "'Mon *-*~03 10:0/7 Asia/Tokyo'"
  return support.shell(probe).code == 0
end

local function one_of(list) return list[random(#list)] end

-- Without what systemd 252 refuses although systemd.time(7) does not: lists of days from the
-- end with a number above 25, and ranges from a second to itself.
local function component(least, most, from_end)
  local kind = random(8)
  local first = random(least, most)
  if kind <= 2 then return "*" end
  if kind <= 4 then return tostring(first) end
  if kind == 5 then
    local limit = from_end and 25 or most
    return ("%d,%d"):format(math.min(first, limit), random(least, limit))
  end
  local room = from_end and first - least or most - first
  if first == most or room == 0 then return tostring(first) end
  if kind == 6 then return ("%d..%d"):format(first, random(first + 1, most)) end
  local step = random(room)
  if kind == 7 then return ("%d/%d"):format(first, step) end
  return ("%d..%d/%d"):format(first, random(first + 1, most), step)
end

local WEEK = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" }

local function weekdays()
  local first = random(7)
  if random(2) == 1 then return WEEK[first] .. "," .. one_of(WEEK) end
  return WEEK[first] .. ".." .. WEEK[random(first, 7)]
end

local function date()
  local year = one_of { "*-", "*-", "*-", "", "2027..2030-", "2028/3-", "26-" }
  local day = random(3) == 1 and "~" .. component(1, 28, true) or "-" .. component(1, 31)
  return year .. component(1, 12) .. day
end

local function text()
  local words = {}
  if random(3) == 1 then words[1] = weekdays() end
  if random(4) > 1 then words[#words + 1] = date() end
  if #words == 0 or random(2) == 1 then
    words[#words + 1] = component(0, 23) .. ":" .. component(0, 59)
      .. (random(3) == 1 and ":" .. component(0, 59) or "")
  end
  words[#words + 1] = one_of { "UTC", "Asia/Tokyo", "Asia/Kolkata" }
  return table.concat(words, " ")
end

-- What systemd says in UTC, as our instants; nil if it refuses the text.
local function theirs(what, start)
  local r = support.shell(("TZ=UTC systemd-analyze calendar --iterations=%d --base-time=@%d %s")
    :format(ITERATIONS, start, support.quote(what)))
  if r.code ~= 0 then return nil end
  local list = {}
  for label, year, month, day, hour, min, sec in r.out:gmatch
    "(%w+%.? ?#?%w*): %a+ (%d+)%-(%d+)%-(%d+) (%d+):(%d+):(%d+) UTC\n" do
    if label == "Next elapse" or label:find "^Iter" then
      list[#list + 1] = tl.zone("UTC"):time { year = tonumber(year), month = tonumber(month),
        day = tonumber(day), hour = tonumber(hour), min = tonumber(min), sec = tonumber(sec) }
    end
  end
  return table.concat(list, " ")
end

local function ours(what, start)
  local ok, schedule = pcall(tl.schedule, what, { tz = "UTC" })
  if not ok then
    if schedule:find("must come sometime", 1, true) then return "" end
    return nil, schedule
  end
  local list, t = {}, start
  for i = 1, ITERATIONS do
    t = t and schedule:next(t)
    list[i] = t and tostring(t)
  end
  return table.concat(list, " ")
end

-- systemd before 253 skips an instant now and then ("calendarspec: fix possibly skips next
-- elapse"): "*:5/17 Asia/Kolkata" after 18:29:13 UTC comes at 18:35, as systemd 252 says one
-- second before that, but from 18:29:13 on it says 18:52. There, only each of its instants is
-- looked up in ours.
local function may_skip()
  return tonumber(support.shell("systemd-analyze --version").out:match "systemd (%d+)") < 253
end

local function includes(what, instants)
  local schedule = tl.schedule(what)
  for t in instants:gmatch "%d+" do
    if not schedule:matches(tonumber(t)) then return false end
  end
  return true
end

describe("calendar text", function()
  if not has_systemd() then
    pending "needs systemd-analyze as the other side"
    return
  end

  local seed = support.seeds(1)[1]
  it(("comes when systemd says (%d cases, seed %d)"):format(CASES, seed), function()
    math.randomseed(seed)
    local wrong, found, skips = {}, 0, may_skip()
    for _ = 1, CASES do
      local what, start = text(), 1764547200 + random(0, 3e8)
      local expected, got = theirs(what, start), ours(what, start)
      if expected and #expected > 20 then found = found + 1 end
      if expected ~= got and not (skips and expected and got and includes(what, expected)) then
        wrong[#wrong + 1] = ("%s from %d: %s, got %s"):format(what, start, tostring(expected),
          tostring(got))
      end
    end
    assert.same({}, wrong)
    assert.is_true(found > CASES / 4, found)
  end)

  for _, what in ipairs { "minutely", "hourly", "daily", "weekly", "monthly", "yearly",
    "annually", "anually", "quarterly", "semiannually", "semi-annually", "biannually",
    "bi-annually", "daily UTC", "weekly Asia/Tokyo", "Mon", "Mon UTC", "Monday,", "12-25",
    "1~3", "26-1-1", "*:*", "*-*", "10:20:*", "@1395716396", "Wed, 17:48", "Mon-Fri",
    "MON..fri  10:00", "mon,Wed..fri", "*-*-30/1", "*-*~07/3", "*-*~1..6/3",
    -- and what it refuses
    "*", "10", "secondly", "hourly 5", "*:*/15", "Fri..Mon", "*-*-31/2", "*-*-1/31", "*-*~29",
    "*-*-5..3", "24:00", "*-0-1", "1969-1-1", "2200-1-1", "00:0/60", "00:0/61", "thurs",
    "*-*-~1", "bi-yearly", "10:00Z", "*-*-*T10:00", "1-", "-1", ":", "10:", "..", "Mon..",
    "*-*~07..01/3", "*-*~7/7", "*-*~1/1", "*-*~7/6", "10..12/5:00",
    "20..23/23:00", "1:2:3:4", "1-2-3-4", "1,,2:00", "1..2..3:00" } do
    it("is understood as by systemd: " .. what, function()
      local start = 1764547200
      assert.equal(theirs(what, start), (ours(what, start)))
    end)
  end
end)
