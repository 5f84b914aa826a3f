-- Callbacks that wait.
local tl = require "timerlua"
local virtual = require "tests.support.virtual"
local clock = tl.clock

local log, note, collecting_errors = virtual.log, virtual.note, virtual.collecting_errors

virtual.each(before_each, after_each)

describe("D12: a callback that waits", function()
  it("goes on later, and lets the others run meanwhile", function()
    tl.after(1, function(_, a)
      local slept = tl.sleep(2)
      log[#log + 1] = { a, slept, tl.time() }
    end, "arg")
    tl.after(2, note "other")
    clock:advance(5)
    assert.same({ "other", { "arg", true, 1003 } }, log)
  end)

  it("may wait inside pcall and nested functions", function()
    tl.after(1, function()
      local ok, err = pcall(function()
        tl.sleep(1)
        error("late", 0)
      end)
      log[1], log[2], log[3] = ok, err, tl.time()
    end)
    clock:advance(5)
    assert.same({ false, "late", 1002 }, log)
  end)

  it("gets a clear error when it yields without a wait, and the loop goes on", function()
    local timer
    local errors = collecting_errors(function()
      timer = tl.every(1, function() coroutine.yield("x") end)
      tl.after(3, note "other")
      clock:advance(3)
    end)
    timer:cancel()
    assert.same({ "other" }, log)
    assert.equal(3, #errors)
    assert.equal("coroutine.yield outside a coroutine of the script's own: to wait, "
      .. "use tl.sleep", errors[1].err)
  end)

  it("may use coroutines of its own, and wait in them", function()
    tl.after(1, function()
      local co = coroutine.wrap(function() coroutine.yield(7) tl.sleep(1) return 8 end)
      log[1] = co()
      log[2] = co()
    end)
    clock:advance(1.5)
    assert.same({ 7 }, log)
    clock:advance(1)
    assert.same({ 7, 8 }, log)
  end)

  it("is itself counted as running until it is over", function()
    local timer = tl.after(1, function(t)
      tl.sleep(5)
      log[#log + 1] = { t.runs, t.active }
    end)
    clock:advance(3)
    assert.equal(1, timer.runs)
    clock:advance(5)
    assert.same({ { 1, false } }, log)
    assert.is_nil(timer.runs)
  end)
end)

describe("D13: run inside a callback", function()
  it("waits until the others are done, and no batch is run twice", function()
    tl.after(1, function()
      tl.run()
      log[#log + 1] = "run returned"
    end)
    tl.after(1, note "same batch")
    tl.after(5, note "later")
    tl.run()
    assert.same({ "same batch", "later", "run returned" }, log)
  end)

  it("is refused to scripts that reach for the loop itself", function()
    local dispatcher = require("timerlua.core")
    local errors = collecting_errors(function()
      tl.after(1, function() dispatcher.run() end)
      tl.after(1, note "other")
      clock:advance(1)
    end)
    assert.same({ "other" }, log)
    assert.truthy(errors[1].err:find("timerlua.run: the loop is running already", 1, true))
  end)
end)
