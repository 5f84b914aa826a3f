local support = require "tests.support"

describe("tl.timer with a bad list of arguments", function()
  it("raises before anything is started", function()
    local r = support.run [==[
      local tl = require "timerlua"
      for _, n in ipairs { 1e9, -1, 1.5, "x" } do
        print(pcall(tl.timer, { after = 0.01, fn = print, args = { n = n } }) == false)
      end
      print(tl.stats().active)
]==]
    assert.equal("true\ntrue\ntrue\ntrue\n0\n", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)
end)
