-- timerfd.close(fd) closed a descriptor that the host watched if the watch rested.
local hosts = require "tests.support.hosts"

describe("a descriptor whose watch rests", function()
  it("cannot be closed by a script", function()
    hosts.edge("resting")
  end)
end)
