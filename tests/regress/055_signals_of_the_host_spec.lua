-- A script could block the signals of a host that had not set TL_SIGNALS.
local hosts = require "tests.support.hosts"

describe("a host without TL_SIGNALS", function()
  it("keeps its signals", function()
    hosts.edge("signals")
  end)
end)
