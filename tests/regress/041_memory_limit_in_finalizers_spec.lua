-- The limit of memory did not hold in __tostring, finalizers and tl_free.
local hosts = require "tests.support.hosts"

describe("the limit of memory", function()
  it("holds in __tostring, finalizers and tl_free", function()
    hosts.edge("memory", "finalized\n")
  end)
end)
