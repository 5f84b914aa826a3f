-- With TL_NO_FFI, scripts could still require timerlua.app.embedding.
local hosts = require "tests.support.hosts"

describe("TL_NO_FFI", function()
  it("hides the modules inside", function()
    hosts.edge("inside")
  end)
end)
