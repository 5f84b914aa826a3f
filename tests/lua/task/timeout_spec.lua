local support = require "tests.support"

local run_script, assert_says, count =
  support.run_script, support.assert_says, support.count

describe("tl.timeout", function()
  it("returns what the function returns, nils included, and takes arguments", function()
    assert_says({ "3 nil 7 nil 1", "0 1" }, [[
      local function values(...) return select("#", ...), ... end
      local function later(...) tl.sleep(1) return ... end
      local n, a, b, c = values(tl.timeout(2, later, nil, 7, nil))
      say(n, a, b, c, clock())
      say(values(tl.timeout(2, function() end)), clock())]])
  end)

  it("returns nil, timeout and ETIMEDOUT at the time", function()
    assert_says({ "nil timeout ETIMEDOUT 1", "nil timeout ETIMEDOUT 1.25" }, [[
      local a, b, c = tl.timeout(1, tl.sleep, 5)
      say(a, b, c, clock())
      a, b, c = tl.timeout("250ms", tl.sleep, 5)
      say(a, b, c, clock())]])
  end)

  it("reaches each wait beneath it, also after a pcall", function()
    assert_says({ "false timeout of 1 s expired 1", "false timeout of 1 s expired 1",
      "late 1", "true 3" }, [[
      say(tl.timeout(1, function()
        local ok, err = pcall(tl.sleep, 5)
        say(ok, tostring(err):match("^[^(]*[^ (]"), clock())
        ok, err = pcall(tl.sleep, 5)
        say(ok, tostring(err):match("^[^(]*[^ (]"), clock())
        return "late"
      end), clock())
      say(tl.sleep(2), clock())]])
  end)

  for _, case in ipairs {
    { "join", "local t = tl.spawn(tl.sleep, 2)", "t:join()" },
    { "channel:receive", "local ch = tl.channel()", "ch:receive()" },
    { "channel:send", "local ch = tl.channel()", "ch:send(1)" },
    { "semaphore:acquire", "local s = tl.semaphore(1) s:acquire()", "s:acquire()" },
    { "tl.run", "tl.after(9, print):unref()", "tl.spawn(tl.sleep, 2) tl.run()" },
    { "tl.scope", "", "tl.scope(function(s) s:spawn(tl.sleep, 9) end)" },
  } do
    it("reaches " .. case[1], function()
      assert_says({ "nil timeout ETIMEDOUT 1" }, case[2] .. [[
        local a, b, c = tl.timeout(1, function() ]] .. case[3] .. [[ end)
        say(a, b, c, clock())]])
    end)
  end

  it("nests: the inner one alone ends, when it is shorter", function()
    assert_says({ "nil timeout ETIMEDOUT 1", "outer 2", "done" }, [[
      say(tl.timeout(5, function()
        local a, b, c = tl.timeout(1, tl.sleep, 9)
        say(a, b, c, clock())
        tl.sleep(1)
        say("outer", clock())
        return "done"
      end))]])
  end)

  it("nests: the outer one passes through the inner ones", function()
    assert_says({ "nil timeout ETIMEDOUT 1", "0" }, [[
      local a, b, c = tl.timeout(1, function()
        tl.timeout(2, function() tl.timeout(3, tl.sleep, 9) say("never") end)
        say("never")
      end)
      say(a, b, c, clock())
      say(tl.stats().handles - #tl.handles() + 1)]])
  end)

  it("nests: of two over at the same time the outer one counts", function()
    assert_says({ "nil timeout ETIMEDOUT 1" }, [[
      local a, b, c = tl.timeout(1, function()
        tl.timeout(1, tl.sleep, 9)
        say("inner", tl.sleep(0))
      end)
      say(a, b, c, clock())]])
  end)

  it("of 0 allows no wait, but calls that need none", function()
    assert_says({ "nil timeout ETIMEDOUT", "5", "7", "nil timeout ETIMEDOUT" }, [[
      say(tl.timeout(0, tl.sleep, 0))
      say(tl.timeout(0, function() return 5 end))
      local ch = tl.channel(1)
      ch:send(7)
      say(tl.timeout(0, ch.receive, ch))
      say(tl.timeout(0LL, ch.receive, ch))]])
  end)

  it("over while the function runs on has no effect when it does not wait", function()
    assert_says({ "result", "true" }, [[
      say(tl.timeout(0.001, function()
        for _ = 1, 1e6 do tl.time() end -- some milliseconds
        return "result"
      end))
      say(tl.sleep(1))]])
  end)

  it("passes errors on unchanged", function()
    assert_says({ "false true", "false nil", "false x 1" }, [[
      local object = {}
      local ok, err = pcall(tl.timeout, 5, error, object)
      say(ok, rawequal(err, object))
      say(pcall(tl.timeout, 5, error, nil))
      ok, err = pcall(tl.timeout, 5, function() tl.sleep(1) error("x", 0) end)
      say(ok, err, clock())]])
  end)

  it("reports errors with the traceback of their origin", function()
    local r = run_script [[
      local function deep() tl.sleep(1) error("broken") end
      tl.spawn(function() tl.timeout(5, function() tl.timeout(6, deep) end) end)]]
    assert.equal(1, count("timerlua: error", r))
    assert.equal(1, count("in function 'deep'", r) + count("in function <[^\n]*:9>", r))
    assert.equal(0, count("rethrow", r))
    assert.equal(1, r.code)
  end)

  it("reports an error that only looks like one that was caught with its own traceback", function()
    local r = run_script [[
      local function first() error("broken", 0) end
      local function second() error("broken", 0) end
      tl.spawn(function()
        pcall(tl.timeout, 5, first)
        second()
      end)]]
    assert.equal(0, count("'first'", r))
    assert.equal(1, count("'second'", r))
  end)

  it("leaves no timer behind, however it ends", function()
    assert_says({ "1 0", "0" }, [[
      tl.timeout(9, tl.sleep, 1)
      tl.timeout(1, tl.sleep, 9)
      pcall(tl.timeout, 9, error, "x")
      tl.timeout(9, function() tl.timeout(9, function() tl.timeout(1, tl.sleep, 5) end) end)
      local t = tl.spawn(tl.timeout, 9, tl.sleep, 9)
      tl.sleep(1)
      t:cancel()
      t:join()
      say(#tl.handles(), tl.stats().handles)
      tl.after(0, function() say(tl.stats().active) end)]])
  end)

  it("leaves no timer behind in a task that yields where it must not", function()
    local r = run_script [[
      tl.spawn(function() tl.timeout(1000, coroutine.yield) end)
      tl.sleep(1)
      say(tl.stats().handles)]]
    assert.equal("0\n", r.out)
    assert.equal(1, count("coroutine.yield", r))
  end)

  it("gives way to being cancelled", function()
    assert_says({ "caught ECANCELED", "cancelled", "1" }, [[
      local t = tl.spawn(function()
        tl.timeout(1, function()
          local ok, err = pcall(tl.sleep, 5)
          say("caught", err.code)
          error(err, 0)
        end)
        say("never")
      end)
      tl.after(1, function() t:cancel() end)
      t:join()
      say(t.status)
      say(clock())]])
  end)

  it("does not take a received value away", function()
    assert_says({ "7 timeout" }, [[
      local ch = tl.channel()
      local got
      tl.after(1, function() ch:send(7) end)
      tl.timeout(1, function() tl.sleep(0.5) end)
      tl.spawn(function()
        local a, b = tl.timeout(0.5, function()
          got = ch:receive()
          tl.sleep(1)
        end)
        say(got, b)
      end)
      tl.sleep(9)]])
  end)

  it("works in callbacks, whose deferred functions run at their end", function()
    assert_says({ "timeout 2", "end 3", "deferred 3" }, [[
      tl.after(1, function()
        tl.timeout(1, function() tl.defer(function() say("deferred", clock()) end) tl.sleep(9) end)
        say("timeout", clock())
        tl.sleep(1)
        say("end", clock())
      end)]])
  end)

  it("refuses invalid arguments, at the caller's line", function()
    assert_says({ "x:1: timerlua.timeout: delay must be a number >= 0, got -1",
      "x:1: timerlua.timeout: fn must be a function, got nil" }, [[
      say(select(2, pcall(loadstring("require('timerlua').timeout(-1, print)", "=x"))))
      say(select(2, pcall(loadstring("require('timerlua').timeout(1)", "=x"))))]])
  end)

  it("in a coroutine of the script's own is a clear error", function()
    assert_says({ "false true" }, [[
      local ok, err = coroutine.resume(coroutine.create(function() tl.timeout(1, tl.sleep, 1) end))
      say(ok, err:find("a coroutine of the script's own", 1, true) ~= nil)]])
  end)

  it("works in the main chunk of a plain luajit", function()
    local tl = require "timerlua"
    tl.clock.virtual()
    finally(tl.clock.real)
    local before, start = tl.stats().handles, tl.now()
    assert.same({ nil, "timeout", "ETIMEDOUT" }, { tl.timeout(1, tl.sleep, 5) })
    assert.same({ nil, "timeout", "ETIMEDOUT" }, { tl.timeout(1, function()
      tl.timeout(2, tl.sleep, 5)
    end) })
    assert.equal(true, tl.timeout(5, tl.sleep, 1))
    assert.same({ nil, "timeout", "ETIMEDOUT" }, { tl.timeout(0, tl.sleep, 1) })
    assert.equal(3, math.floor((tl.now() - start) * 1e6 + 0.5) / 1e6)
    assert.equal(before, tl.stats().handles)
  end)
end)

describe("random nested timeouts", function()
  it("end at the earliest of their deadlines", function()
    for _, seed in ipairs(support.seeds(3)) do
      assert_says({ "300 right" }, ("math.randomseed(%d)\n"):format(seed) .. [[
        local right = 0
        for round = 1, 300 do
          tl.spawn(function()
            local begun, depth = tl.now(), math.random(1, 5)
            local needed, first, at = math.random(1, 100), math.huge, nil
            local delays = {}
            for i = 1, depth do delays[i] = math.random(1, 100) end
            for i = depth, 1, -1 do if delays[i] <= first then first, at = delays[i], i end end
            local ended -- the level whose timeout came
            local function level(i)
              if i > depth then tl.sleep(needed) return "done" end
              local result, why = tl.timeout(delays[i], level, i + 1)
              if why then ended = i end
              return result
            end
            local result = level(1)
            local took = math.floor(tl.now() - begun + 0.5)
            if needed < first then
              if result == "done" and took == needed and not ended then right = right + 1 end
            elseif needed > first then
              if result == nil and took == first and ended == at then right = right + 1
              else say("wrong", ended, at, took, first) end
            else
              right = right + 1
            end
          end)
        end
        tl.run()
        say(right, "right")]])
    end
  end)
end)
