-- The limit of memory left no room for tasks that come to wait.
local hosts = require "tests.support.hosts"

describe("the limit of memory", function()
  it("leaves room for tasks that come to wait", function()
    hosts.edge("tasks")
  end)
end)
