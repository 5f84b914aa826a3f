-- The effect of virtual time on children, which live in real time, was not documented.
-- The documents state it now, and this spec checks it.
local support = require "tests.support"

describe("a child in virtual time", function()
  it("has real time without a limit, and none within one", function()
    support.assert_says({ "timeout", "4", "true" }, [[
      local p = tl.exec { "sh", "-c", "sleep 0.1; exit 4" }
      say((select(2, p:wait("1h"))))
      say(p:wait().code)
      say(tl.exec({ "sleep", "5" }, { timeout = "1d" }):wait().timed_out)]])
  end)
end)
