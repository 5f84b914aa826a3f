local support = require "tests.support"

describe("--on-error=stop with a stop handler", function()
  it("runs nothing else after the error", function()
    local r = support.run { "--on-error=stop", "-e", [==[
      local tl = require "timerlua"
      tl.on("stop", print)
      tl.after(0, function() error("a") end)
      tl.after(0, function() print("no") end)
      tl.sleep(1)
]==] }
    assert.equal("error\tnil\n", r.out)
    assert.truthy(r.err:find(": a\n", 1, true), r.err)
    assert.equal(1, r.code)
  end)
end)
