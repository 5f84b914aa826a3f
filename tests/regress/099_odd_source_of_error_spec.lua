-- An error was lost when the script had put values that are not texts into the fields
-- that its report names.
local support = require "tests.support"

describe("an error of a socket whose kind or name is not a text", function()
  it("is reported all the same", function()
    local r = support.run([[
      local tl = require "timerlua"
      local u
      u = tl.udp("127.0.0.1:0", function()
        u:close()
        error("the error", 0)
      end)
      u.kind, u.name = {}, setmetatable({}, { __tostring = function() error "none" end })
      u:send("x", u:sock())]], { timeout = 10 })
    assert.truthy(r.err:find("error in callback", 1, true), r.err)
    assert.truthy(r.err:find("the error", 1, true), r.err)
    assert.equal(1, r.code)
  end)
end)
