-- Of several calls of tl_stop, the first status counted.
local hosts = require "tests.support.hosts"

describe("tl_stop", function()
  it("applies the last status", function()
    hosts.edge("stops")
  end)
end)
