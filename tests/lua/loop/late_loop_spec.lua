-- A loop that is late, and callbacks that take longer than their period.
local tl = require "timerlua"
local virtual = require "tests.support.virtual"
local clock = tl.clock

local log, note, busy = virtual.log, virtual.note, virtual.busy

virtual.each(before_each, after_each)

describe("D16: a loop that is late", function()
  it("calls once for the missed ticks, counts them, and keeps the grid", function()
    local timer = tl.timer { every = 0.25, clock = "realtime", fn = function(t)
      log[#log + 1] = { t.due - 1000, t.missed, t:next() - 1000 }
      if t.runs == 1 then clock:step_wall(1.375) end
    end }
    clock:advance(0.25)
    clock:advance(0.25)
    timer:cancel()
    assert.same({ { 0.25, 0, 0.5 }, { 0.5, 4, 1.75 }, { 1.75, 0, 2 } }, log)
  end)

  it("does so in real time: 55 ms blocked, 10 ms period", function()
    clock.real()
    local start
    local timer = tl.every(0.01, function(t)
      log[#log + 1] = { t.due, t.missed }
      if t.runs == 1 then busy(0.055) end
      if t.runs == 4 then t:cancel() end
    end)
    start = timer.due - 0.01
    tl.run()
    local tick = 0
    for _, entry in ipairs(log) do
      tick = tick + 1
      assert.near(start + tick * 0.01, entry[1], 1e-6)
      tick = tick + entry[2]
    end
    assert.is_true(log[2][2] >= 4)
    assert.equal(4, #log)
  end)
end)

describe("D17: 100 ticks of 5 ms with 2 ms of work", function()
  it("take 500 ms", function()
    clock.real()
    local start, finish
    local timer = tl.every(0.005, function(t)
      busy(0.002)
      local tick = t.runs + t.missed_total - t.missed
      log[#log + 1] = t.due - (start + 0.005 * tick)
      if tick >= 100 then
        finish = t.due
        t:cancel()
      end
    end)
    start = timer.due - 0.005
    tl.run()
    for _, off in ipairs(log) do assert.near(0, off, 1e-6) end
    assert.is_true(finish - start < 0.5 + 0.005 * (100 - #log + 1))
    assert.is_true(#log > 10)
  end)

  it("stay on the grid to the nanosecond, however long the work takes", function()
    local timer = tl.timer { every = 0.005, clock = "boottime", limit = 100, fn = function(t)
      log[#log + 1] = t.missed_total
      clock:suspend(0.002)
    end }
    local start = clock.boottime()
    tl.run()
    assert.equal(100, #log)
    assert.equal(0, log[100])
    assert.near(0.502, clock.boottime() - start, 1e-6)
    assert.is_false(timer.active)
  end)
end)

describe("D18: a callback that takes longer than its period", function()
  it("does not pile up, nor starve other timers", function()
    local slow = tl.timer { every = 1, clock = "boottime", fn = function(t)
      log[#log + 1] = "slow" .. t.missed
      clock:suspend(2.5)
      if t.runs == 4 then t:cancel() end
    end }
    local other = tl.timer { every = 1, clock = "boottime", limit = 4, fn = note "other" }
    tl.run()
    for _, timer in ipairs { slow, other } do timer:cancel() end
    assert.same({ "slow0", "other", "slow1", "other", "slow2", "other", "slow1", "other" }, log)
  end)

  it("never runs twice at a time when it waits", function()
    local running, most = 0, 0
    local timer = tl.every(1, function()
      running = running + 1
      most = math.max(most, running)
      tl.sleep(2.5)
      running = running - 1
      log[#log + 1] = tl.time()
    end)
    clock:advance(10)
    local total = timer.runs + timer.missed_total
    timer:cancel()
    clock:advance(3)
    assert.same({ 1, 10 }, { most, total })
    assert.same({ 1003.5, 1006.5, 1009.5, 1012.5 }, log)
  end)
end)
