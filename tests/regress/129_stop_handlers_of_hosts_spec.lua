-- tl.on("stop") handlers never ran under tl_step, and once more in each tl_run.
local hosts = require "tests.support.hosts"

describe("the stop handlers of a script in a host", function()
  it("run once, in a run and in steps", function()
    hosts.edge("stophandlers")
  end)
end)
