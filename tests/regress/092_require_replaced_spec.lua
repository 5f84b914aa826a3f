-- Parts of timerlua that are loaded on first use were not found by a script that had
-- replaced require.
local support = require "tests.support"

describe("a script that replaces require", function()
  it("still has all of timerlua", function()
    local r = support.run [[
      local tl = require "timerlua"
      function require(name) error("no " .. name) end
      print(type(tl.udp), type(tl.exec), type(tl.stats().turns))
      print(type(tl.watch), type(tl.signal), tl.stderr.kind)]]
    assert.equal("", r.err)
    assert.equal("function\tfunction\tnumber\nfunction\tfunction\tconnection\n", r.out)
    assert.equal(0, r.code)
  end)
end)
