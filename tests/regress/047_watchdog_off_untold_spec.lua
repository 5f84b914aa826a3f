-- It said true, told, although nobody was there to be told.
local support = require "tests.support"

describe("tl.notify { watchdog = false } without NOTIFY_SOCKET", function()
  it("said that it was told", function()
    local r = support.run([[
      local tl = require "timerlua"
      print(tl.notify { watchdog = false }, tl.notify { watchdog = false, ready = true })]],
      { before = "unset NOTIFY_SOCKET; " })
    assert.equal("", r.err)
    assert.equal("false\tfalse\n", r.out)
  end)
end)
