-- The memory limit did not apply in __tostring, finalizers and tl_free.
local hosts = require "tests.support.hosts"

describe("the memory limit", function()
  it("applies in __tostring, finalizers and tl_free", function()
    hosts.edge("memory", "finalized\n")
  end)
end)
