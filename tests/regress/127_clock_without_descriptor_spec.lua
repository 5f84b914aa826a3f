-- The descriptor of a clock was opened by the wait for it: a lack ended the run, and made
-- every step fail without a text.
local hosts = require "tests.support.hosts"

describe("a clock that no descriptor is left for", function()
  it("is told where a timer asks for it", function()
    hosts.edge("clocks")
  end)
end)
