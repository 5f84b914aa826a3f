-- tl_next was 0 from the instant of a timer on, while its slack delayed the descriptor:
-- a host that waited no longer than tl_next did not wait at all.
local hosts = require "tests.support.hosts"

describe("tl_next within the slack of a timer", function()
  it("is the time that the descriptor takes to become readable", function()
    hosts.edge("slack")
  end)
end)
