-- The example scripts: each runs, ends by itself, and is short; the three that come
-- from examples of other projects also show the right values. Servers, which end by
-- Ctrl-C, have a spec of their own with their clients.
local support = require "tests.support"

local function scripts(pattern)
  local paths = {}
  local pipe = assert(io.popen("ls " .. pattern))
  for path in pipe:lines() do paths[#paths + 1] = path end
  pipe:close()
  assert(#paths > 0, pattern)
  return paths
end

local function run(path, virtual)
  local arguments = virtual and { "--virtual-time", path } or { path }
  local result = support.run(arguments, { timeout = support.sanitized and 120 or 30 })
  assert.equal("", result.err)
  assert.equal(0, result.code)
  return result.out
end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  return lines
end

-- Requirements on the text of each script.
local function it_has_its_form(path, public)
  local text = support.read(path)
  local lines = lines_of(text)

  it("is short and describes itself and how to run it", function()
    assert.is_true(#lines <= 40)
    assert.equal("#!/usr/bin/env timerlua", lines[1])
    assert.equal(0, support.shell("test -x " .. path).code)
    local comment, i = {}, 2
    while lines[i]:find("^%-%- ") do
      comment[#comment + 1] = lines[i]
      i = i + 1
    end
    assert.is_truthy(table.concat(comment, "\n"):find("Run: timerlua " .. path, 1, true))
  end)

  it("uses public modules only", function()
    for module in text:gmatch("require%s*%(?%s*[\"']([^\"']+)") do
      assert.is_true(public[module], module)
    end
  end)
end

for _, path in ipairs(scripts("scripts/*.lua")) do
  describe(path, function()
    if not support.read(path):find("Ctrl-C ends it", 1, true) then
      it("runs by its name and ends by itself", function()
        local result = support.shell(("PATH=%s:$PATH %s"):format(
          support.quote(support.build), path), { timeout = support.sanitized and 120 or 30 })
        assert.equal("", result.err)
        assert.equal(0, result.code)
        assert.is_true(#result.out > 0)
      end)

      it("runs in virtual time", function()
        assert.is_true(#run(path, true) > 0)
      end)
    end

    it_has_its_form(path, { timerlua = true })
  end)
end

-- The scripts with descriptors by hand, which specs of their own run.
for _, path in ipairs(scripts("scripts/descriptors/*.lua")) do
  describe(path, function()
    it_has_its_form(path, { timerlua = true, ["timerlua.limits"] = true,
      ["timerlua.select"] = true, ["timerlua.socket"] = true, ["timerlua.timerfd"] = true,
      ["timerlua.timerstack"] = true })

    it("names its equivalent with tl", function()
      assert.truthy(support.read(path):find("\n-- With tl ", 1, true)
        or support.read(path):find("\n-- With tl, ", 1, true))
    end)
  end)
end

describe("twice a second", function()
  it("is four calls, the first after one second", function()
    local expected = {}
    for i = 1, 4 do
      expected[i] = ("timer expired at %.1f s (run %d, 0 us late)"):format(0.5 + i * 0.5, i)
    end
    assert.same(expected, lines_of(run("scripts/twice_a_second.lua", true)))
  end)

  it("is on the grid in real time, too", function()
    local i, last = 0, 0.5
    for due, number in run("scripts/twice_a_second.lua"):gmatch("at (%d%.%d) s %(run (%d)") do
      i = i + 1
      due = tonumber(due) -- on a busy machine a tick may be missed, never moved
      assert.equal(0, due % 0.5)
      assert.is_true(due > last)
      last = due
      assert.equal(tostring(i), number)
    end
    assert.equal(4, i)
  end)
end)

describe("coincidences", function()
  it("are shown as one batch, all three at 1.5 s", function()
    assert.same({
      "time       0.25 s  0.5 s   0.75 s",
      "0.25 s     *       .       .",
      "0.50 s     *       *       .",
      "0.75 s     *       .       *",
      "1.00 s     *       *       .",
      "1.25 s     *       .       .",
      "1.50 s     *       *       *",
    }, lines_of(run("scripts/coincidences.lua", true)))
  end)
end)

describe("many timers", function()
  -- What 100,000 periods of 0.5 s + i * 25 us tick in 2.5 s: all are armed at
  -- the same instant of virtual time.
  local function ticks_in(nanoseconds)
    local count = 0
    for i = 1, 100000 do
      count = count + math.floor(nanoseconds / (500000000 + i * 25000))
    end
    return count
  end

  it("tick as often as their periods say and need no descriptors", function()
    local out = run("scripts/many_timers.lua", true)
    assert.equal(1, select(2, out:gsub("ran once\n", "")))
    local waiting, fds = out:match("(%d+) timers wait; descriptors opened for all of them: (%d+)")
    assert.equal("100000", waiting)
    assert.is_true(tonumber(fds) <= 1)
    -- the tick at 2.5 s itself comes after the sleep that was armed before it
    local ticks = tonumber(out:match("(%d+) ticks in 2.5 s"))
    assert.is_true(math.abs(ticks_in(2500000000) - ticks) <= 4, ticks)
  end)

  it("cost little memory", function()
    if support.sanitized then return end -- red zones are memory, too
    local bytes = tonumber(run("scripts/many_timers.lua", true):match("(%d+) bytes a timer"))
    assert.is_true(bytes > 50 and bytes < 400, bytes)
  end)
end)

describe("a virtual day", function()
  it("has 86400 ticks", function()
    local out = lines_of(run("scripts/virtual_day.lua"))
    assert.equal("06:00  21600 ticks so far", out[1])
    assert.equal("00:00  86400 ticks, 0 missed", out[4])
  end)
end)
