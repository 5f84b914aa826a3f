-- After a wait for an unreferenced process that was over before the process, the loop
-- kept running for the process: the program ended only with the process.
local support = require "tests.support"

describe("an unreferenced process that a task waited for", function()
  it("kept the program running", function()
    local r = support.run([[
      local tl = require "timerlua"
      local p = tl.exec({ "sleep", "60" }):unref()
      print(p:wait(0.02))
      print(tl.timeout(0.02, p.wait, p))
      local waiter = tl.spawn(p.wait, p)
      tl.sleep(0)
      waiter:cancel()
      waiter:join()
      tl.on("stop", function(reason) print(reason, p.status) end)]], { timeout = 10 })
    assert.equal("", r.err)
    assert.equal("nil\ttimeout\tETIMEDOUT\nnil\ttimeout\tETIMEDOUT\ndone\tnil\n", r.out)
    assert.equal(0, r.code)
  end)

  it("keeps it running while it is waited for", function()
    local r = support.run([[
      local tl = require "timerlua"
      local p = tl.exec({ "sleep", "0.1" })
      local function wait() print(p:wait().code) end
      tl.spawn(wait)
      tl.sleep(0)
      p:unref()]], { timeout = 10 })
    assert.equal("", r.err)
    assert.equal("0\n", r.out)
  end)
end)
