-- A number that is no descriptor took memory by its size before the kernel was asked.
local hosts = require "tests.support.hosts"

describe("a number that is no descriptor", function()
  it("takes no memory", function()
    hosts.edge("numbers")
  end)
end)
