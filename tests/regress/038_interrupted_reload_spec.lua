-- A tl.timeout around tl.reload, or the cancellation of its task, had no effect: the
-- handlers' guard took the interruption for an error of the handler.
local support = require "tests.support"

describe("tl.reload", function()
  it("ends with the time of its caller, and can be called again", function()
    support.assert_says({ "nil timeout ETIMEDOUT 0.1", "again 0.1", "other again", "done 0.6" }, [[
      tl.on("reload", function(reason)
        if reason == "again" then return say("again", clock()) end
        tl.sleep(5)
        say "no"
      end)
      tl.on("reload", function(reason) say("other", reason) end)
      local a, b, c = tl.timeout(0.1, tl.reload)
      say(a, b, c, clock())
      tl.reload("again")
      tl.sleep(0.5)
      say("done", clock())]])
  end)

  it("ends with its task", function()
    support.assert_says({ "nil join: task cancelled ECANCELED", "0.2" }, [[
      tl.on("reload", function() tl.sleep(5) end)
      local t = tl.spawn(tl.reload)
      tl.sleep(0.2)
      t:cancel()
      say(t:join())
      say(clock())]])
  end)

  it("reports a handler's own errors, but not its own limits", function()
    local r = support.run_script [[
      tl.on("reload", function() say(tl.timeout(0.1, tl.sleep, 1)) error("own", 0) end)
      tl.on("reload", function() say "next" end)
      tl.timeout(5, tl.reload)]]
    assert.equal("nil timeout ETIMEDOUT\nnext\n", r.out)
    assert.equal(1, support.count("own", r))
    assert.equal(1, r.code)
  end)
end)
