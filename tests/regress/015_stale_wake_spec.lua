local support = require "tests.support"

describe("a cancelled wait in tl.run", function()
  it("does not wake a later handle in its slot", function()
    local r = support.run { "--virtual-time", "-e", [==[
      local tl = require "timerlua"
      local a = tl.spawn(function() tl.run() end)
      tl.sleep(0.01)
      a:cancel()
      tl.sleep(0.01)
      tl.after(1, function() print("kept") end)
      local b = tl.spawn(function() tl.run() print("idle") end)]==] }
    assert.equal("", r.err)
    assert.equal("kept\nidle\n", r.out)
    assert.equal(0, r.code)
  end)
end)
