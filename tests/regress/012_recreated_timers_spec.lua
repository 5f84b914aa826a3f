local support = require "tests.support"

describe("timers cancelled and created again, over and over", function()
  -- Each comes back to its slot and bucket, beside its own stale entry; the
  -- sweeps used to keep both, found nothing to drop and came ever more often.
  it("leave no more than a bounded number of entries", function()
    local r = support.run [==[
      local tl = require "timerlua"
      local function nothing() end
      local timers = {}
      for i = 1, 20000 do timers[i] = tl.after(30, nothing) end
      local before = tl.stats().bytes
      for round = 1, 20 do
        for i = 1, 20000 do
          timers[i]:cancel()
          timers[i] = tl.after(30, nothing)
        end
      end
      print(tl.stats().bytes < 3 * before)
      for i = 1, 20000 do timers[i]:cancel() end]==]
    assert.equal("", r.err)
    assert.equal("true\n", r.out)
    assert.equal(0, r.code)
  end)
end)
