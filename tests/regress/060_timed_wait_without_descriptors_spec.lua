-- With no descriptor left, the first wait with a time limit ended the script, past
-- pcall.
local support = require "tests.support"

describe("a timed wait with no descriptor left", function()
  it("works like any other", function()
    local r = support.run([[
      local tl, timerfd, all = require "timerlua", require "timerlua.timerfd", {}
      local _, code
      repeat
        all[#all + 1], _, code = timerfd.create(1)
      until code
      print(#all < 20, code)
      print(pcall(tl.sleep, 0.01))]], { before = "ulimit -n 20; " })
    assert.same({ "", "true\tEMFILE\ntrue\ttrue\n", 0 }, { r.err, r.out, r.code })
  end)
end)
