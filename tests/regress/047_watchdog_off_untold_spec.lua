-- The call returned true although there was no service manager.
local support = require "tests.support"

describe("tl.notify { watchdog = false } without NOTIFY_SOCKET", function()
  it("returned true", function()
    local r = support.run([[
      local tl = require "timerlua"
      print(tl.notify { watchdog = false }, tl.notify { watchdog = false, ready = true })]],
      { before = "unset NOTIFY_SOCKET; " })
    assert.equal("", r.err)
    assert.equal("false\tfalse\n", r.out)
  end)
end)
