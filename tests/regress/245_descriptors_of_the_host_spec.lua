-- A script that may not use the FFI read and closed any descriptor of its host that nobody
-- watched, by its number: tl.connect("fd:40"), timerfd.close(40), select.epoll.fromfd(40).
local hosts = require "tests.support.hosts"

describe("a script kept from memory or from files", function()
  it("reaches no descriptor of its host by number", function()
    hosts.edge("reach")
  end)
end)
