-- TL_NO_EXEC left installed modules that start programs to be required.
local hosts = require "tests.support.hosts"

describe("TL_NO_EXEC", function()
  it("holds for installed modules too", function()
    hosts.edge("programs")
  end)
end)
