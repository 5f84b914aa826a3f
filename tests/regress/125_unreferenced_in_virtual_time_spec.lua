-- In virtual time an unreferenced timer was work without end: tl_step answered TL_MORE
-- for ever, and tl_next 0.
local hosts = require "tests.support.hosts"

describe("a timer that keeps nothing running", function()
  it("ends with the rest, and lets time stand still", function()
    hosts.edge("unreferenced")
  end)
end)
