-- Zones beside Python's zoneinfo: some by chance, or all with ZONES=all (make check-zones).
-- TEST_SEED=n repeats a run.
local support = require "tests.support"
local tl = require "timerlua"

local SAMPLE = 10

local function has_oracle()
  local probe = "python3 -c 'import zoneinfo; zoneinfo.ZoneInfo(\"Europe/Berlin\")'"
  return support.shell(probe).code == 0
end

local function mismatch(zone, line)
  local kind, rest = line:match "^(%u) (.*)$"
  local words = {}
  for word in rest:gmatch "%S+" do words[#words + 1] = word end
  if kind == "O" then
    local t = tonumber(words[1])
    local offset, abbreviation, is_dst = zone:offset(t)
    if words[5] == "-" then is_dst = nil end
    return { tonumber(words[2]), words[3], tonumber(words[4]), ({ ["1"] = true,
      ["0"] = false })[words[5]] },
      { offset, abbreviation, zone:date(t).fold, is_dst }
  end
  local fields = { fold = tonumber(words[7]) }
  for i, name in ipairs { "year", "month", "day", "hour", "min", "sec" } do
    fields[name] = tonumber(words[i])
  end
  local got = zone:time(fields)
  return { tonumber(words[8]) }, { got }
end

local function same(a, b)
  for i = 1, 4 do if a[i] ~= b[i] then return false end end
  return true
end

local function show(list)
  local words = {}
  for i = 1, 4 do words[i] = tostring(list[i]) end
  return table.concat(words, " ")
end

-- Compare each line; returns how many there were, and the first of those that differ.
local function compare(pipe)
  local zone, count, wrong = nil, 0, {}
  for line in pipe:lines() do
    local name = line:match "^Z (.*)$"
    if name then
      zone = assert(tl.zone(name))
    else
      count = count + 1
      local expected, got = mismatch(zone, line)
      if not same(expected, got) and #wrong < 20 then
        wrong[#wrong + 1] = ("%s: %s: %s, got %s"):format(zone.name, line, show(expected),
          show(got))
      end
    end
  end
  return count, wrong
end

describe("zones", function()
  if not has_oracle() then
    pending "need python3 and tzdata as the other side"
    return
  end

  local all = os.getenv "ZONES" == "all"
  local seed = support.seeds(1)[1]
  it(("agree with Python's at every transition (seed %d)"):format(seed), function()
    local pipe = assert(io.popen(("LD_PRELOAD= python3 tests/lua/calendar/zones.py %d %d")
      :format(seed, all and 0 or SAMPLE)))
    local count, wrong = compare(pipe)
    pipe:close()
    assert.same({}, wrong)
    assert.is_true(count > 100, count)
  end)

  it("list Python's transitions", function()
    local r = support.shell("python3 -c 'from zoneinfo import _zoneinfo\n"
      .. "z = _zoneinfo.ZoneInfo(\"Europe/Berlin\")\n"
      .. "print(*(at for at in z._trans_utc if at >= 0))'")
    assert.equal("", r.err)
    local expected, got = {}, {}
    for at in r.out:gmatch "%S+" do expected[#expected + 1] = tonumber(at) end
    local last = expected[#expected]
    for i, each in ipairs(tl.zone("Europe/Berlin"):transitions(0, last + 1)) do got[i] = each.at end
    assert.is_true(#got > 100)
    assert.same(expected, got)
  end)
end)
