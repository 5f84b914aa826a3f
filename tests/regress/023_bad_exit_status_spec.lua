-- A bad argument of os.exit ended all children first, and the error then blamed a
-- file of the runtime.
local support = require "tests.support"

describe("os.exit", function()
  it("refuses values that are not statuses, and ends nothing", function()
    local r = support.run [[
      local tl = require "timerlua"
      local p = tl.exec { "sleep", "60" }
      print(pcall(os.exit, {}))
      print(p.status, p:kill("CONT"))
      os.exit("3")]]
    assert.equal("false\tbad argument #1 to 'exit' (number expected, got table)\nnil\ttrue\n",
      r.out)
    assert.equal(3, r.code)
    r = support.run "\n os.exit(print)"
    assert.truthy(r.err:find("(command line):2: bad argument #1 to 'exit'", 1, true), r.err)
    assert.equal(0, support.run "os.exit()".code)
    assert.equal(0, support.run "os.exit(true)".code)
    assert.equal(1, support.run "os.exit(false, true)".code)
    assert.equal(7, support.run "os.exit(7)".code)
  end)
end)
