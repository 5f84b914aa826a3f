-- Which values are delays, and how exactly delays are kept.
local tl = require "timerlua"
local virtual = require "tests.support.virtual"
local clock = tl.clock

local log, note = virtual.log, virtual.note

local function nothing() end

virtual.each(before_each, after_each)

describe("D07: a delay that is no delay", function()
  for _, delay in ipairs { -1, -1e-300, 0 / 0, math.huge, -math.huge, "", "x", {}, -1LL } do
    it("is refused and leaves timers as they are: " .. type(delay) .. " "
      .. tostring(delay):gsub("0x%x+", ""), function()
      local before = tl.stats().handles
      local timer = tl.every(7, nothing)
      local due = timer.due
      for _, call in ipairs { tl.after, tl.every } do
        assert.is_false(pcall(call, delay, nothing))
      end
      assert.is_false(pcall(timer.reset, timer, delay))
      assert.is_false(pcall(tl.sleep, delay))
      local seen = { timer.due, timer.period, tl.stats().handles }
      timer:cancel()
      assert.same({ due, 7, before + 1 }, seen)
    end)
  end
end)

describe("D08: a very long delay", function()
  local year = 31557600000000000LL
  local delays = { ["2^31 ms"] = 2147483648000000LL, ["2^32 ms"] = 4294967296000000LL,
    ["2^32 s"] = 4294967296000000000LL, ["100 years"] = 100 * year,
    ["200 years"] = 200 * year }
  for name, ns in pairs(delays) do
    it("is truly long: " .. name, function()
      tl.after(tonumber(ns / 1000000) / 1000, note "seconds")
      tl.after(ns, note "nanoseconds")
      clock:advance(ns - 1)
      assert.same({}, log)
      clock:advance(1LL)
      table.sort(log)
      assert.same({ "nanoseconds", "seconds" }, log)
    end)
  end

  it("is not early in real time either", function()
    clock.real()
    local timers = {}
    for _, ns in pairs(delays) do timers[#timers + 1] = tl.after(ns, note "early") end
    timers[#timers + 1] = tl.after(9223372036854775807LL, note "early")
    tl.after(0.02, note "in time")
    local before = tl.stats().turns
    tl.sleep(0.03)
    for _, timer in ipairs(timers) do timer:cancel() end
    assert.same({ "in time" }, log)
    assert.is_true(tl.stats().turns - before < 20)
  end)

  it("is cut at the end of time, and never wraps", function()
    local timer = tl.after(9223372036854775807LL, note "early")
    clock:advance(100 * year)
    timer:reset(9223372036854775807LL)
    clock:advance(50 * year)
    timer:cancel()
    assert.same({}, log)
  end)

  it("is refused where int64 nanoseconds do not reach: 2^53 ms", function()
    assert.is_false(pcall(tl.after, 2 ^ 53 / 1000, nothing))
    assert.is_false(pcall(tl.after, 2 ^ 63, nothing))
    assert.is_false(pcall(tl.after, 9223372036854775808ULL, nothing))
  end)

  it("ticks no more than once though its next tick is beyond the end", function()
    local timer = tl.timer { every = 9223372036854775807LL, first = 1, fn = note "x" }
    clock:advance(100 * year)
    timer:cancel()
    assert.same({ "x" }, log)
  end)
end)

describe("D09: a fraction of a tick", function()
  for _, seconds in ipairs { 1e-10, 1e-300, 5e-324, 1e-9 } do
    it("is rounded up to a nanosecond: " .. seconds, function()
      tl.after(seconds, note "x")
      clock:advance(0)
      assert.same({}, log)
      clock:advance(1LL)
      assert.same({ "x" }, log)
    end)
  end

  it("is no zero: it is due only once the clock has moved", function()
    local now = tl.time()
    tl.timer { after = 1e-10, clock = "realtime", fn = function()
      log[#log + 1] = tl.time() > now
    end }
    clock:advance(1)
    assert.same({ true }, log)
  end)

  it("is never early and does not spin in real time", function()
    clock.real()
    for _, delay in ipairs { 0.0001, 1e-9, 0.0101 } do
      local turns, start = tl.stats().turns, tl.now()
      tl.after(delay, function() log[#log + 1] = tl.now() - start >= delay end)
      tl.run()
      assert.is_true(tl.stats().turns - turns < 10)
    end
    assert.same({ true, true, true }, log)
  end)
end)

describe("D10: 0.3 s", function()
  for seconds, ns in pairs { [0.3] = 300000000LL, [4.35] = 4350000000LL } do
    it(("is exact to the nanosecond: %g"):format(seconds), function()
      tl.after(seconds, note "x")
      clock:advance(ns - 1)
      assert.same({}, log)
      clock:advance(1LL)
      assert.same({ "x" }, log)
    end)
  end

  it("stays exact over ten million ticks' worth of time", function()
    local timer = tl.timer { every = 0.3, first = "34d17h20m0.3s", fn = note "x" }
    clock:advance(3000000300000000LL - 1)
    assert.same({}, log)
    clock:advance(1LL)
    timer:cancel()
    assert.same({ "x" }, log)
  end)
end)
