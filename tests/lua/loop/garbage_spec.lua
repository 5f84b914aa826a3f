-- Which objects the loop keeps alive, and which ones it releases.
local support = require "tests.support"
local tl = require "timerlua"
local virtual = require "tests.support.virtual"
local clock = tl.clock

local log, collecting_errors, survivors = virtual.log, virtual.collecting_errors, virtual.survivors

virtual.each(before_each, after_each)

describe("D14: garbage", function()
  it("is never a waiting timer, even without a reference to it", function()
    for i = 1, 50 do
      tl.after(i / 10, function()
        support.collect()
        log[#log + 1] = i
      end)
    end
    support.collect()
    clock:advance(10)
    assert.equal(50, #log)
    assert.equal(50, log[50])
  end)

  it("is collected in every callback, and nothing is lost by it", function()
    local sum = 0
    local timer = tl.every(1, function(t, box)
      collectgarbage()
      sum = sum + box[1]
      tl.after(0.5, function(_, n)
        collectgarbage()
        tl.sleep(0.25)
        collectgarbage()
        sum = sum + n[1]
      end, { 100 * t.runs })
    end, { 1 })
    clock:advance(4.9)
    timer:cancel()
    assert.equal(4 + 1000, sum)
  end)

  it("is a callback once its timer was cancelled", function()
    assert.equal(0, survivors(function(keep)
      for _, timer in ipairs {
        tl.after(1, keep(function() log = nil end)),
        tl.after(1, keep(function() log = nil end), "argument"),
        tl.every(1, keep(function() log = nil end)),
        tl.after(1, keep(function() log = nil end)):pause(),
        tl.timer { every = 1, limit = 2, fn = keep(function() log = nil end) },
      } do
        timer:cancel()
      end
    end))
  end)

  it("is a callback once its one-shot has run, also after waiting", function()
    assert.equal(0, survivors(function(keep)
      tl.after(1, keep(function() log.a = 1 end))
      tl.after(1, keep(function(_, x) log.b = type(x) end), keep(function() log.x = 1 end))
      tl.after(1, keep(function()
        tl.sleep(1)
        log.c = 1
      end))
      tl.timer { every = 1, limit = 2, fn = keep(function() log.d = 1 end) }
      clock:advance(5)
    end))
    assert.same({ a = 1, b = "function", c = 1, d = 1 }, log)
  end)

  it("is a callback once it failed", function()
    assert.equal(0, survivors(function(keep)
      collecting_errors(function()
        tl.after(1, keep(function() error("x" .. #log) end))
        clock:advance(1)
      end)
    end))
  end)

  it("is not a callback whose timer waits or is paused", function()
    local timers = {}
    assert.equal(3, survivors(function(keep)
      timers[1] = tl.after(1, keep(function() log.a = 1 end))
      timers[2] = tl.every(1, keep(function() log.b = 1 end))
      timers[3] = tl.after(1, keep(function() log.c = 1 end)):pause()
    end))
    for _, timer in ipairs(timers) do timer:cancel() end
  end)

  it("is a task once it has ended", function()
    assert.equal(0, survivors(function(keep)
      tl.spawn(keep(function() tl.sleep(1) end))
      local waiting = tl.spawn(keep(function() tl.sleep(100) end))
      local unborn = tl.spawn(keep(function() log.x = 1 end))
      unborn:cancel()
      clock:advance(2)
      waiting:cancel()
      clock:advance(1)
    end))
  end)
end)
