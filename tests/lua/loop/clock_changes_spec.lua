-- Clocks that are set, and that stand still.
local tl = require "timerlua"
local virtual = require "tests.support.virtual"
local clock = tl.clock

local log, note, on_boottime = virtual.log, virtual.note, virtual.on_boottime

virtual.each(before_each, after_each)

describe("D19: a wall clock that is set", function()
  it("leaves relative timers unmoved and carries those on the wall along", function()
    local jumps = {}
    local subscription = tl.on("clock_jump", function(s) jumps[#jumps + 1] = s end)
    tl.after(10, note "after")
    tl.at(1020, note "at 1020")
    tl.at(1100, note "at 1100")
    clock:step_wall(50)
    clock:advance(9)
    clock:step_wall(-40)
    clock:advance(81)
    subscription:cancel()
    assert.same({ "at 1020", "after", "at 1100" }, log)
    assert.same({ 50, -40 }, jumps)
  end)
end)

describe("D20: a suspend", function()
  it("stops monotonic timers, and boottime ones come in one pass", function()
    tl.after(10, note "monotonic")
    on_boottime(10, note "boot 10")
    on_boottime(5, note "boot 5")
    local ticker = tl.timer { every = 1, clock = "boottime", fn = function(t)
      log[#log + 1] = "missed " .. t.missed
    end }
    clock:suspend(30.5)
    clock:advance(0)
    ticker:cancel()
    assert.same({ "missed 29", "boot 5", "boot 10" }, log)
    clock:advance(10)
    assert.equal("monotonic", log[4])
  end)
end)
