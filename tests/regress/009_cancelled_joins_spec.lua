local support = require "tests.support"

describe("cancelled joins", function()
  it("leave nothing behind", function()
    local r = support.run [==[
      local tl = require "timerlua"
      local long = tl.spawn(tl.sleep, 1)
      tl.sleep(0)
      for _ = 1, 100 do
        local t = tl.spawn(long.join, long)
        tl.sleep(0)
        t:cancel()
        tl.sleep(0)
      end
      print(long.joiners.count)
      long:cancel()
]==]
    assert.equal("0\n", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)
end)
