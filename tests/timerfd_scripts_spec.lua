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

describe("timerstack_many", function()
  -- Each timer expires after its period, from 0.5 to 3 s, and then every period;
  -- the last expiration may be past the end. Setting them takes time, too.
  local function most(count)
    local sum = 0
    for i = 1, count - 1 do sum = sum + math.ceil(3 / (0.5 + i * 25e-6)) end
    return sum
  end

  it("has each timer expire on its period", function()
    local out = run(PATHS[2], "2000")
    local ticks = tonumber(out:match(
      "^2000 timers are set\nthe one%-shot has expired\n(%d+) expirations in 2.5 s\n$"))
    assert.is_true(ticks >= 1999 * 4 and ticks <= most(2000), out)
  end)

  it("says which limit stops it and does as many as that allows", function()
    local out = run(PATHS[2], "100000", "ulimit -n 200; ")
    if out:find("^100000 timers") then return end -- this process may raise the limit
    local ticks = tonumber(out:match("^limits.nofile%(100016%): operation not permitted; "
      .. "RLIMIT_NOFILE is 200\n184 timers are set\nthe one%-shot has expired\n"
      .. "(%d+) expirations in 2.5 s\n$"))
    assert.is_true(ticks >= 183 * 4 and ticks <= most(184), out)
  end)
end)
