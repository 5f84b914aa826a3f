describe("a sleep in the main chunk of a plain luajit that tl.stop cut short", function()
  -- Every later wait used to end at once, until tl.run.
  it("is followed by sleeps of full length", function()
    local tl = require "timerlua"
    tl.clock.virtual()
    local start = tl.now()
    tl.after(1, function() tl.stop() end)
    assert.equal(false, tl.sleep(60))
    assert.equal(true, tl.sleep(2))
    tl.after(1, function() tl.stop() end)
    assert.equal(false, tl.sleep(60))
    assert.equal(4, math.floor((tl.now() - start) * 1e6 + 0.5) / 1e6)
  end)
end)
