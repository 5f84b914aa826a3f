-- A host that did not say TL_SIGNALS had its signals blocked by a script.
local hosts = require "tests.support.hosts"

describe("a host that did not say TL_SIGNALS", function()
  it("keeps its signals", function()
    hosts.edge("signals")
  end)
end)
