-- What keeps the loop running: ref and unref.
local tl = require "timerlua"
local virtual = require "tests.support.virtual"

local log, note = virtual.log, virtual.note

local function nothing() end

virtual.each(before_each, after_each)

describe("D15: ref and unref", function()
  it("let the loop end although an unref'd timer waits", function()
    local timer = tl.every(1, note "tick"):unref()
    tl.after(2.5, note "end")
    tl.run()
    local active = timer.active
    timer:cancel()
    assert.same({ "tick", "tick", "end" }, log)
    assert.is_true(active)
  end)

  it("count once however often repeated", function()
    local timer = tl.after(1, note "x"):unref():unref():ref()
    tl.run()
    assert.same({ "x" }, log)
    local other = tl.after(1, note "y"):ref():ref():unref()
    tl.run()
    other:cancel()
    assert.same({ "x" }, log)
    assert.is_false(timer.active)
  end)

  it("count at once in a callback", function()
    local timer = tl.every(1, function(t)
      log[#log + 1] = t.runs
      if t.runs == 3 then t:unref() end
    end)
    tl.run()
    timer:cancel()
    assert.same({ 1, 2, 3 }, log)
  end)

  it("hold through reset, pause and resume", function()
    local timer = tl.after(1, note "x"):unref():reset(5):pause():resume()
    tl.run()
    assert.same({}, log)
    timer:ref()
    tl.run()
    assert.same({ "x" }, log)
    assert.is_false(timer.active)
  end)

  it("leave the count right when an unref'd timer is cancelled or runs", function()
    tl.after(1, nothing):unref():cancel()
    tl.after(1, nothing):unref()
    tl.after(2, note "end")
    tl.run()
    assert.same({ "end" }, log)
    assert.equal(0, tl.stats().active)
  end)
end)
