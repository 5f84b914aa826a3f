local support = require "tests.support"

describe("a wait inside a C function", function()
  it("is refused, and later waits are whole", function()
    local r = support.run [==[
      local tl = require "timerlua"
      tl.clock.virtual()
      local ok, err = pcall(table.sort, { 3, 2, 1 }, function(a, b) tl.sleep(0.1) return a < b end)
      print(ok, err:match("timerlua.sleep: called inside a C function"))
      print(tl.current().status)
      local start = tl.now()
      tl.sleep(1)
      print(tl.now() - start >= 1)
]==]
    assert.equal("false\ttimerlua.sleep: called inside a C function\nrunning\ntrue\n", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)
end)
