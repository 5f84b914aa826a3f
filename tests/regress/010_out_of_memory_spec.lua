local support = require "tests.support"

describe("a callback that runs out of memory", function()
  -- a sanitizer reserves terabytes of addresses
  local test = support.sanitized and pending or it

  test("is reported, and the others go on", function()
    local r = support.run([==[
      local tl = require "timerlua"
      tl.after(0, function()
        local t = {}
        for i = 1, 1e9 do t[i] = ("x"):rep(1000) .. i end
      end)
      tl.after(0.01, function() print("alive") end)
]==], { before = "ulimit -v 200000; " })
    assert.equal("alive\n", r.out)
    assert.truthy(r.err:find("not enough memory", 1, true), r.err)
    assert.equal(1, r.code)
  end)
end)
