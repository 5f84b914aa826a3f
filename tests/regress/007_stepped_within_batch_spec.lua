local support = require "tests.support"

describe("a wall-clock timer in the batch in which the clock is stepped back", function()
  it("waits for its instant again", function()
    local r = support.run [==[
      local tl = require "timerlua"
      tl.clock.virtual { start = 1e9 }
      tl.at(1e9 + 1, function() tl.clock:step_wall(-3600) end)
      tl.at(1e9 + 1, function() print(tl.time() - 1e9) end)
]==]
    assert.equal("1\n", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)
end)
