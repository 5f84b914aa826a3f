local support = require "tests.support"

describe("a deadlock in a stop handler", function()
  it("is reported", function()
    local r = support.run [==[
      local tl = require "timerlua"
      tl.on("stop", function()
        local a, b
        a = tl.spawn(function() b:join() end)
        b = tl.spawn(function() a:join() end)
        a:join()
      end)
]==]
    assert.equal("", r.out)
    assert.truthy(r.err:find("nothing is left that could wake it", 1, true), r.err)
    assert.equal(1, r.code)
  end)
end)
