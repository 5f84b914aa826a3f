-- tl_error returned the text of an earlier failure, and tl_stats(rt, NULL, n) crashed.
local hosts = require "tests.support.hosts"

describe("tl_error", function()
  it("returns the text of the latest failure", function()
    hosts.edge("errors")
  end)
end)
