-- An "I" argument was rounded before it was compared.
local hosts = require "tests.support.hosts"

describe("an I argument", function()
  it("is compared exactly", function()
    hosts.edge("range")
  end)
end)
