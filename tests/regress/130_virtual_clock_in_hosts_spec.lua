-- tl.clock.virtual in a script moved the clock of the host's own timers.
local hosts = require "tests.support.hosts"

describe("the clock of a host", function()
  it("is not the script's to make virtual, or real", function()
    hosts.edge("clock")
  end)
end)
