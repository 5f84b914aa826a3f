-- The memory limit left no room for tasks that begin to wait.
local hosts = require "tests.support.hosts"

describe("the memory limit", function()
  it("leaves room for tasks that begin to wait", function()
    hosts.edge("tasks")
  end)
end)
