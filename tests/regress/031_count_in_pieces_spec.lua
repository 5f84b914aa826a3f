-- A number of bytes that arrived in more than one piece was refused with an
-- out-of-memory error, and the received bytes were lost.
local support = require "tests.support"

describe("a number of bytes", function()
  it("is received although it comes in pieces", function()
    local r = support.run([[
      local tl = require "timerlua"
      local server = tl.listen("127.0.0.1:0", function(c)
        for i = 1, 5 do
          c:send(i)
          tl.sleep(0.001)
        end
      end)
      local c = tl.connect("127.0.0.1:" .. server.port)
      io.write(tostring(c:receive(5)))
      server:close()]], { timeout = 5 })
    assert.equal("", r.err)
    assert.equal("12345", r.out)
    assert.equal(0, r.code)
  end)
end)
