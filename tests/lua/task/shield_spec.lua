-- Shields: waiting in clean-up, for a bounded time.
local support = require "tests.support"

local assert_says = support.assert_says

describe("tl.shield", function()
  it("gives the results of its function, and raises its error", function()
    assert_says({ "1 nil 3", "false broken" }, [[
      say(tl.shield(function() tl.sleep(9) return 1, nil, 3 end))
      say(pcall(tl.shield, function() error("broken", 0) end))]])
  end)

  it("keeps a timeout away, which is raised in the next wait", function()
    assert_says({ "shielded 4", "nil timeout ETIMEDOUT 4" }, [[
      local a, b, c = tl.timeout(1, function()
        tl.shield(function() tl.sleep(4) say("shielded", clock()) end)
        tl.sleep(1)
        say("never")
      end)
      say(a, b, c, clock())]])
  end)

  it("begins its grace with the interruption", function()
    assert_says({ "false ETIMEDOUT 3.5", "nil timeout ETIMEDOUT 3.5" }, [[
      local a, b, c = tl.timeout(3, function()
        tl.shield(function()
          tl.sleep(2)
          local ok, err = pcall(tl.sleep, 9)
          say(ok, err.code, clock())
          tl.sleep(1)
        end, 0.5)
      end)
      say(a, b, c, clock())]])
  end)

  it("begins its grace at once when the interruption came before", function()
    assert_says({ "false 3" }, [[
      tl.timeout(1, function()
        pcall(tl.sleep, 9)
        tl.shield(function() say((pcall(tl.sleep, 9)), clock()) end, "2s")
      end)]])
  end)

  it("has no effect with a grace of 0", function()
    assert_says({ "false 1" }, [[
      tl.timeout(1, function()
        tl.shield(function() say((pcall(tl.sleep, 9)), clock()) end, 0)
      end)]])
  end)

  it("does not keep a timeout inside it away", function()
    assert_says({ "nil timeout ETIMEDOUT 2", "nil timeout ETIMEDOUT 3" }, [[
      local a, b, c = tl.timeout(1, function()
        tl.shield(function()
          local d, e, f = tl.timeout(2, tl.sleep, 9)
          say(d, e, f, clock())
          tl.sleep(1)
        end)
        tl.sleep(0)
      end)
      say(a, b, c, clock())]])
  end)

  it("of two, the one with the longer grace counts", function()
    assert_says({ "inner false 5", "outer false 5" }, [[
      local t = tl.spawn(function()
        tl.shield(function()
          tl.shield(function() say("inner", (pcall(tl.sleep, 9)), clock()) end, 4)
          say("outer", (pcall(tl.sleep, 9)), clock())
        end, 2)
      end)
      tl.sleep(1)
      t:cancel()
      t:join()]])
  end)

  it("refuses what it cannot take, at the caller's line", function()
    assert_says({ "x:1: timerlua.shield: fn must be a function, got nil",
      "x:1: timerlua.shield: grace must be a number >= 0, got -1" }, [[
      say(select(2, pcall(loadstring("require('timerlua').shield()", "=x"))))
      say(select(2, pcall(loadstring("require('timerlua').shield(print, -1)", "=x"))))]])
  end)

  it("works in the main chunk of a plain luajit, and leaves nothing behind", function()
    local tl = require "timerlua"
    tl.clock.virtual()
    finally(tl.clock.real)
    local before, start = tl.stats().handles, tl.now()
    assert.same({ nil, "timeout", "ETIMEDOUT" }, { tl.timeout(1, function()
      tl.shield(function() tl.sleep(2) end)
      tl.sleep(1)
    end) })
    assert.equal(2, math.floor((tl.now() - start) * 1e6 + 0.5) / 1e6)
    assert.equal(before, tl.stats().handles)
  end)
end)

describe("deferred functions", function()
  it("wait though the task is cancelled, 5 s in all", function()
    assert_says({ "first true 3", "second false ECANCELED 6", "third false 6", "6" }, [[
      local t = tl.spawn(function()
        tl.defer(function() say("third", (pcall(tl.sleep, 9)), clock()) end)
        tl.defer(function()
          local ok, err = pcall(tl.sleep, 9)
          say("second", ok, err.code, clock())
        end)
        tl.defer(function() say("first", (pcall(tl.sleep, 2)), clock()) end)
        tl.sleep(9)
      end)
      tl.sleep(1)
      t:cancel()
      t:join()
      say(clock())]])
  end)

  it("take their time in a task that was not cancelled", function()
    assert_says({ "closed 61" }, [[
      tl.spawn(function()
        tl.defer(function() tl.sleep(60) say("closed", clock()) end)
        tl.sleep(1)
      end)]])
  end)

  it("have 5 s left when the task is cancelled meanwhile", function()
    assert_says({ "false", "false ECANCELED 7", "done" }, [[
      local t = tl.spawn(function()
        tl.defer(function()
          local ok, err = pcall(tl.sleep, 60)
          say(ok, err.code, clock())
        end)
      end)
      tl.sleep(2)
      say(t:cancel())
      t:join()
      say(t.status)]])
  end)

  it("of a scope's child do not keep the scope longer than that", function()
    local r = support.run_script [[
      local ok, err = pcall(tl.scope, function(scope)
        scope:spawn(function() tl.defer(tl.shield, function() tl.sleep(60) end) tl.sleep(60) end)
        tl.sleep(1)
        error("broken", 0)
      end)
      say(ok, err, clock())]]
    assert.equal("false broken 6\n", r.out)
    assert.equal(1, support.count("a deferred function was cut short, as its grace is over: "
      .. "task cancelled", r))
  end)
end)
