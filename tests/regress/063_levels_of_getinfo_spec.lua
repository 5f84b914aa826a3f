-- TL_NO_FFI made debug.getinfo count a level too many.
local hosts = require "tests.support.hosts"

describe("TL_NO_FFI", function()
  it("leaves the levels of debug.getinfo", function()
    hosts.edge("levels")
  end)
end)
