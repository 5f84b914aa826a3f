-- A number that was not a descriptor took memory by its size before the kernel was
-- asked.
local hosts = require "tests.support.hosts"

describe("a number that is not a descriptor", function()
  it("takes no memory", function()
    hosts.edge("numbers")
  end)
end)
