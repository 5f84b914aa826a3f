-- The example scripts with timer descriptors: scripts/descriptors/timer*.lua.
local support = require "tests.support"

local PATHS = { "scripts/descriptors/timerfd_read.lua",
  "scripts/descriptors/timerstack_many.lua" }

local function run(path, argument, before)
  local r = support.run({ path, argument },
    { timeout = support.sanitized and 120 or 30, before = before })
  assert.equal("", r.err)
  assert.equal(0, r.code)
  return r.out
end

for _, path in ipairs(PATHS) do
  describe(path, function()
    local text = support.read(path)

    it("is short and describes itself, how to run it and the equivalent with tl", function()
      local head = text:match("^#!/usr/bin/env timerlua\n(.-)\nlocal ")
      assert.is_true(select(2, text:gsub("\n", "")) <= 40)
      assert.truthy(head:find("Run: timerlua " .. path, 1, true))
      assert.truthy(head:find("With tl ", 1, true))
      assert.equal(0, support.shell("test -x " .. path).code)
    end)

    it("uses public modules only", function()
      local PUBLIC = { timerlua = true, ["timerlua.timerfd"] = true, ["timerlua.limits"] = true,
        ["timerlua.timerstack"] = true, ["timerlua.select"] = true }
      for module in text:gmatch("require%s*%(?%s*[\"']([^\"']+)") do
        assert.is_true(PUBLIC[module], module)
      end
    end)
  end)
end

describe("timerfd_read", function()
  it("is read four times, the first after one second, while the loop goes on", function()
    local out, times = run(PATHS[1]), 0
    for count, at in out:gmatch("Timer expired: (%d+) times? at ([%d.]+) s\n") do
      times = times + 1
      assert.is_true(tonumber(count) >= 1)
      assert.is_true(tonumber(at) >= 0.5 + 0.5 * times and tonumber(at) < 2 + times, out)
    end
    assert.equal(4, times)
    assert.is_true(select(2, out:gsub("%.Timer", "")) >= 1, out)
  end)
end)

describe("timerstack_many", function()
  -- Each timer but the one-shot expires after its period, 0.5 s and a little, and
  -- then every period: 4 times in 2.5 s, more or less as the machine is busy.
  local function assert_ticks(ticks, count, out)
    assert.is_true(ticks >= 3 * (count - 1) and ticks <= 10 * (count - 1), out)
  end

  it("has each timer expire on its period", function()
    local out = run(PATHS[2], "2000")
    local ticks = tonumber(out:match(
      "^2000 timers are set\nthe one%-shot has expired\n(%d+) expirations in 2.5 s\n$"))
    assert_ticks(ticks, 2000, out)
  end)

  it("reports which limit stops it and runs as many timers as that allows", function()
    local out = run(PATHS[2], "100000", "ulimit -n 200; ")
    if out:find("^100000 timers") then return end -- this process may raise the limit
    local set, ticks = out:match("^limits.nofile%(100016%): operation not permitted; "
      .. "RLIMIT_NOFILE is 200\n(1%d%d) timers are set\nthe one%-shot has expired\n"
      .. "(%d+) expirations in 2.5 s\n$")
    assert.is_true(tonumber(set) >= 190)
    assert_ticks(tonumber(ticks), tonumber(set), out)
  end)
end)
