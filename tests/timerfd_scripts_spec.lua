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

    it("is short and says what it shows, how to run it and what tl makes of it", function()
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
  it("expires four times, the first after one second, while the loop goes on", function()
    local out, times = run(PATHS[1]), 0
    for count, at in out:gmatch("Timer expired: (%d+) times? at ([%d.]+) s\n") do
      times = times + 1
      assert.equal("1", count)
      assert.is_true(tonumber(at) >= 0.5 + 0.5 * times and tonumber(at) < 2 + times, out)
    end
    assert.equal(4, times)
    assert.is_true(select(2, out:gsub("%.Timer", "")) >= 1, out)
  end)
end)

-- Of so many timers, how many expirations there are in 2.5 s: each timer's
-- first after its period, and then every period.
local function expirations(count)
  local sum = 0
  for i = 0, count - 1 do sum = sum + math.floor(2.5 / (0.5 + i * 25e-6)) end
  return sum
end

describe("timerstack_many", function()
  it("has each timer expire on its period", function()
    local out = run(PATHS[2], "2000")
    assert.truthy(out:find("^2000 periodic timers are set\t\nthe one%-shot has expired\n"), out)
    local ticks = tonumber(out:match("\n(%d+) expirations in 2.5 s\n$"))
    -- the fifth expiration of the first ones is at the very end
    assert.is_true(ticks >= expirations(2000) - 2000 and ticks <= expirations(2000), out)
  end)

  it("says which limit stops it and does as many as that allows", function()
    local out = run(PATHS[2], "100000", "ulimit -n 200; ")
    if out:find("^100000 periodic") then return end -- this process may raise the limit
    assert.truthy(out:find("^limits.nofile%(100016%): operation not permitted\t"
      .. "the hard limit is 200\n"), out)
    local set = tonumber(out:match("\n(%d+) periodic timers are set\t"
      .. "timerfd.create%(CLOCK_REALTIME%): too many open files\n"))
    assert.is_true(set > 180 and set < 200, out)
    local ticks = tonumber(out:match("\n(%d+) expirations in 2.5 s\n$"))
    assert.is_true(ticks >= 4 * set, out)
  end)
end)
