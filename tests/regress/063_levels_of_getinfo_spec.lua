-- With TL_NO_FFI, debug.getinfo counted one level too many.
local hosts = require "tests.support.hosts"

describe("TL_NO_FFI", function()
  it("leaves the levels of debug.getinfo unchanged", function()
    hosts.edge("levels")
  end)
end)
