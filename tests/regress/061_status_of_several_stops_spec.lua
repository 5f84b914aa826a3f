-- Of several tl_stop the first status counted.
local hosts = require "tests.support.hosts"

describe("tl_stop", function()
  it("gives the last status", function()
    hosts.edge("stops")
  end)
end)
