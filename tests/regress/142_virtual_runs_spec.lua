-- Two runs in virtual time began at different readings of the clocks, so that sums of their
-- doubles differed, and os.time went on in real time.
local support = require "tests.support"

-- All digits of what a script can read of the time.
local SCRIPT = [[
local tl = require "timerlua"
local function say(...)
  local words = { ... }
  for i, word in ipairs(words) do
    words[i] = type(word) == "number" and ("%.17g"):format(word) or tostring(word)
  end
  print(table.concat(words, " "))
end
local function clocks()
  say(tl.now(), tl.time(), tl.clock.boottime(), os.time(), os.clock(), os.date("!%c"), os.date())
end
clocks()
tl.every(0.1, function(timer) say(timer.due, timer.late, tl.now() + 0.3, tl.time() / 3) end):unref()
tl.at("2000-01-02T00:00:00Z", function(timer) say("at", timer.due, os.date("!%F %T")) end)
tl.sleep(1 / 3)
clocks()
tl.sleep("1d")
clocks()
]]

describe("--virtual-time", function()
  local function run(option)
    return support.run({ option, "-e", SCRIPT }, { timeout = 60 })
  end

  it("makes every run alike, to the byte", function()
    local first = run "--virtual-time"
    assert.same({ "", 0 }, { first.err, first.code })
    assert.equal(first.out, run("--virtual-time").out)
  end)

  it("begins at 2000, and the monotonic clock at 0", function()
    local first = run("--virtual-time").out:match("[^\n]*")
    assert.equal("0 946684800 0 946684800 0 Sat Jan  1 00:00:00 2000", first:match("^.-2000"))
  end)

  it("has os.time, os.date and os.clock follow", function()
    local r = support.run { "--virtual-time", "-e", [[
      local tl = require "timerlua"
      tl.sleep("90s")
      print(os.time() - 946684800, os.clock(), os.date("!%T"))
      print(os.date("!%F", 0), os.time { year = 2020, month = 1, day = 1, hour = 12 }
        - os.time { year = 2020, month = 1, day = 1, hour = 11 })
      tl.clock:step_wall(60)
      print(os.date("!%T"), os.clock())]] }
    assert.same({ "90\t90\t00:01:30\n1970-01-01\t3600\n00:02:30\t90\n", "" }, { r.out, r.err })
  end)

  it("leaves them to real time otherwise", function()
    local r = support.run [[
      local tl = require "timerlua"
      print(math.abs(os.time() - tl.time()) <= 1, os.clock() < 5, os.date("%Y") > "2020")
      tl.clock.virtual { start = "2040-01-01T00:00:00Z" }
      print(os.date("!%Y"))
      tl.clock.real()
      print(os.date("!%Y") < "2040")]]
    assert.same({ "true\ttrue\ttrue\n2040\ntrue\n", "" }, { r.out, r.err })
  end)

  it("keeps what the functions say of misuse, at the caller's line", function()
    local r = support.run { "--virtual-time", "-e", [[
      print(pcall(function() os.time { year = 1 } end))
      print(pcall(function() os.date(nil, "x") end))]] }
    assert.equal("false\t(command line):1: field 'day' missing in date table\n"
      .. "false\t(command line):2: bad argument #2 to 'date' (number expected, got string)\n",
      r.out)
  end)

  it("takes another beginning", function()
    local r = support.run { "--virtual-time=2030-05-06T07:08:09Z", "-e",
      [[print(os.date("!%F %T"), require("timerlua").now())]] }
    assert.same({ "2030-05-06 07:08:09\t0\n", "" }, { r.out, r.err })
  end)

  it("refuses what is no instant, by the option's name", function()
    for _, value in ipairs { "soon", "", "2030-13-01T00:00:00Z" } do
      local r = support.run { "--virtual-time=" .. value, "-e", "print 'ran'" }
      assert.same({ "", 2 }, { r.out, r.code })
      assert.truthy(r.err:find("^timerlua: %-%-virtual%-time must be "), r.err)
    end
  end)
end)
