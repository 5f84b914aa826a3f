-- TL_NO_FFI left timerlua.app.embedding to be required.
local hosts = require "tests.support.hosts"

describe("TL_NO_FFI", function()
  it("hides the modules inside", function()
    hosts.edge("inside")
  end)
end)
