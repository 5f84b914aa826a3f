-- Schedules beside croner (npm), where node finds it: NODE_PATH, or npm install croner.
-- CASES=n compares more; TEST_SEED=n repeats a run.
--
-- Left out is what croner 11 refuses: L-3, fri-mon, 5/15, some lists; and what it reads
-- in other ways than we do:
--   0-sun and sun-sun are every day there; here sun is 0 in front and behind, and mon-sun is
--     every day
--   changes of the clock: a time in a gap moves there if it is alone, and not in a list of
--     hours; several seconds of one minute come twice in a fold; from within a fold, the second
--     of two instants comes. Here each entry of a list is a time like any other, and comes once
local random_cron = require "tests.lua.calendar.random_cron"
local support = require "tests.support"
local tl = require "timerlua"

local CASES = math.min(tonumber(os.getenv "CASES") or 300, 20000)
local ZONES = { "UTC", "Asia/Tokyo", "Asia/Kolkata" }
local FIRST, LAST = 1.6e9, 1.8e9

local function has_croner()
  return support.shell("node -e 'require(\"croner\")'").code == 0
end

local function cases_of(seed)
  math.randomseed(seed)
  local zones, cases, lines = {}, {}, {}
  for i, name in ipairs(ZONES) do zones[i] = tl.zone(name) end
  for i = 1, CASES do
    local case = random_cron.case(zones, FIRST, LAST)
    case.text = case.text:gsub("(%w+)-sun", "%1")
    cases[i] = case
    lines[i] = table.concat({ case.text, case.tz, case.start }, "\t")
  end
  return cases, table.concat(lines, "\n") .. "\n"
end

local function answer(case)
  local ok, schedule = pcall(tl.schedule, case.text, { tz = case.tz, days = "or" })
  if not ok then return "" end
  local list, t = {}, case.start
  for i = 1, 3 do
    t = t and schedule:next(t)
    list[i] = t
  end
  return table.concat(list, " ")
end

describe("schedules", function()
  if not has_croner() then
    pending "need node and croner as the other side"
    return
  end

  local seed = support.seeds(1)[1]
  it(("agree with croner (%d cases, seed %d)"):format(CASES, seed), function()
    local cases, lines = cases_of(seed)
    local input, wrong, compared, i = support.temporary(lines), {}, 0, 0
    local pipe = assert(io.popen("LD_PRELOAD= node tests/lua/calendar/croner.js <" .. input))
    for expected in pipe:lines() do
      i = i + 1
      local got = expected ~= "refused" and answer(cases[i])
      if got then compared = compared + 1 end
      if got and got ~= expected and #wrong < 20 then
        wrong[#wrong + 1] = ("%s (%s) from %d: %s, got %s"):format(cases[i].text, cases[i].tz,
          cases[i].start, expected, got)
      end
    end
    pipe:close()
    os.remove(input)
    assert.equal(CASES, i)
    assert.same({}, wrong)
    assert.is_true(compared > CASES / 4, compared)
  end)
end)
