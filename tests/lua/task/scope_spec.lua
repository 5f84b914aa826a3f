local support = require "tests.support"

local run_script, assert_says, count =
  support.run_script, support.assert_says, support.count

describe("tl.scope", function()
  it("returns the body's results once every child has ended", function()
    assert_says({ "1 1", "2 2", "7 nil 8 nil 2" }, [[
      local function keep(...) local a, b, c, d = ... say(a, b, c, d, clock()) end
      keep(tl.scope(function(scope, x)
        for i = 1, 2 do scope:spawn(function() tl.sleep(i) say(i, clock()) end) end
        return x, nil, 8, nil
      end, 7))]])
  end)

  it("without children returns at once", function()
    assert_says({ "5 0" }, [[say(tl.scope(function() return 5 end), clock())]])
  end)

  it("waits for children that children start, and for their deferred functions", function()
    assert_says({ "grandchild 3", "over 3" }, [[
      tl.scope(function(scope)
        scope:spawn(function()
          tl.sleep(1)
          scope:spawn(function()
            tl.defer(function() tl.sleep(1) say("grandchild", clock()) end)
            tl.sleep(1)
          end)
        end)
      end)
      say("over", clock())]])
  end)

  it("gives a child's results by join", function()
    assert_says({ "3" }, [[
      say(tl.scope(function(scope)
        local a = scope:spawn(function() tl.sleep(1) return 1 end)
        local b = scope:spawn(function() tl.sleep(2) return 2 end)
        return a:join() + b:join()
      end))]])
  end)
end)

describe("an error in a child", function()
  it("cancels the siblings and the body, and is raised once they are gone", function()
    assert_says({ "body scope cancelled 1", "sibling 1", "cleaned 3", "false broken 3" }, [[
      local ok, err = pcall(tl.scope, function(scope)
        scope:spawn(function() tl.sleep(1) error("broken", 0) end)
        scope:spawn(function()
          tl.defer(function() tl.sleep(2) say("cleaned", clock()) end)
          pcall(tl.sleep, 9)
          say("sibling", clock())
        end)
        local _, token = pcall(tl.sleep, 9)
        say("body", tostring(token):match("^[%a ]*%a"), clock())
      end)
      say(ok, err, clock())]])
  end)

  it("is raised as it is, even when the body is over", function()
    assert_says({ "false true 1" }, [[
      local object = {}
      local ok, err = pcall(tl.scope, function(scope)
        scope:spawn(function() tl.sleep(1) error(object) end)
        scope:spawn(tl.sleep, 9)
      end)
      say(ok, rawequal(err, object), clock())]])
  end)

  it("is reported with the traceback of its origin", function()
    local r = run_script [[
      local function deep() tl.sleep(1) error("broken") end
      tl.scope(function(scope) scope:spawn(function() deep() end) end)]]
    assert.equal(1, count("timerlua: ", r))
    assert.equal(1, count("in function 'deep'", r))
    assert.equal(1, r.code)
  end)

  it("is raised once, and further ones are reported", function()
    local r = run_script [[
      say(pcall(tl.scope, function(scope)
        scope:spawn(function() tl.sleep(1) error("first", 0) end)
        scope:spawn(function() tl.defer(error, "deferred", 0) tl.sleep(9) end)
        scope:spawn(function() pcall(tl.sleep, 9) error("second", 0) end)
        pcall(tl.sleep, 9)
        error("third", 0)
      end))]]
    assert.equal("false first\n", r.out)
    assert.equal(0, count("first", r))
    for _, word in ipairs { "deferred", "second", "third" } do
      assert.equal(1, count(": " .. word .. "\n", r), word .. "\n" .. r.err)
    end
    assert.equal(1, r.code)
  end)

  it("that the body's join raised and the body caught leaves the others alone", function()
    assert_says({ "false broken", "sibling", "fine" }, [[
      say(tl.scope(function(scope)
        scope:spawn(function() tl.sleep(2) say("sibling") end)
        local child = scope:spawn(function() tl.sleep(1) error("broken", 0) end)
        say(pcall(child.join, child))
        return "fine"
      end))]])
  end)

  it("that the body's join raised is not raised twice", function()
    assert_says({ "false broken 1" }, [[
      local ok, err = pcall(tl.scope, function(scope)
        scope:spawn(tl.sleep, 9)
        scope:spawn(function() tl.sleep(1) error("broken", 0) end):join()
      end)
      say(ok, err, clock())]])
  end)

  it("is raised even when the only joiner is cancelled before it sees it", function()
    assert_says({ "false broken" }, [[
      local joiner
      say(pcall(tl.scope, function(scope)
        local child = scope:spawn(function() tl.sleep(1) error("broken", 0) end)
        joiner = tl.spawn(function()
          tl.defer(function() end)
          child:join()
        end)
        tl.after(1, function() joiner:cancel() end)
      end))]])
  end)
end)

describe("an error in the body", function()
  it("cancels the children and is raised once they are gone", function()
    assert_says({ "cleaned 3", "false broken 3" }, [[
      local ok, err = pcall(tl.scope, function(scope)
        scope:spawn(function()
          tl.defer(function() tl.sleep(2) say("cleaned", clock()) end)
          tl.sleep(9)
        end)
        tl.sleep(1)
        error("broken", 0)
      end)
      say(ok, err, clock())]])
  end)

  it("keeps children that have not begun from running", function()
    assert_says({ "false broken 0" }, [[
      local ok, err = pcall(tl.scope, function(scope)
        scope:spawn(say, "never")
        error("broken", 0)
      end)
      say(ok, err, clock())]])
  end)

  it("of nil is raised too", function()
    assert_says({ "false nil" }, [[
      say(pcall(tl.scope, function(scope) scope:spawn(tl.sleep, 9) error(nil) end))]])
  end)
end)

describe("scope:cancel", function()
  it("cancels children and body; tl.scope returns nil, a message and ECANCELED", function()
    assert_says({ "true", "child 1", "nil scope: cancelled ECANCELED 1" }, [[
      local a, b, c = tl.scope(function(scope)
        scope:spawn(function() tl.defer(function() say("child", clock()) end) tl.sleep(9) end)
        tl.after(1, function() say(scope:cancel()) end)
        tl.sleep(9)
        say("never")
      end)
      say(a, b, c, clock())]])
  end)

  it("by the body keeps its results when it does not wait again", function()
    assert_says({ "winner 1" }, [[
      say(tl.scope(function(scope)
        local winner = tl.channel(1)
        for i = 1, 3 do scope:spawn(function() tl.sleep(i) winner:send("winner") end) end
        local first = winner:receive()
        scope:cancel()
        return first
      end), clock())]])
  end)

  it("by a child ends that child, too", function()
    assert_says({ "child", "sibling", "nil scope: cancelled ECANCELED 1" }, [[
      local a, b, c = tl.scope(function(scope)
        scope:spawn(function() pcall(tl.sleep, 9) say("sibling") end)
        scope:spawn(function()
          tl.sleep(1)
          tl.defer(say, "child")
          tl.sleep(0)
          scope:cancel()
          say("never")
        end)
        scope:spawn(tl.sleep, 9)
        tl.sleep(9)
      end)
      say(a, b, c, clock())]])
  end)

  it("is harmless when repeated, and false at the end", function()
    assert_says({ "true", "true", "false" }, [[
      local kept
      tl.scope(function(scope) kept = scope say(scope:cancel()) say(scope:cancel()) end)
      say(kept:cancel())]])
  end)
end)

describe("scope:spawn", function()
  it("is refused while the scope is being cancelled, and after its end", function()
    assert_says({ "x:1: timerlua.scope:spawn: the scope is being cancelled",
      "x:1: timerlua.scope:spawn: the scope is over" }, [[
      local kept
      local spawn = loadstring("local scope = ... scope:spawn(print)", "=x")
      tl.scope(function(scope)
        kept = scope
        scope:cancel()
        say(select(2, pcall(spawn, scope)))
      end)
      say(select(2, pcall(spawn, kept)))]])
  end)

  it("refuses values that are not functions, or not scopes", function()
    assert_says({ "x:1: timerlua.scope:spawn: fn must be a function, got nil",
      "x:1: timerlua.scope:spawn: it must be called on a scope, as scope:spawn(), got 5",
      "x:1: timerlua.scope: fn must be a function, got nil" }, [[
      tl.scope(function(scope)
        say(select(2, pcall(loadstring("local scope = ... scope:spawn()", "=x"), scope)))
        say(select(2, pcall(loadstring("local scope = ... scope.spawn(5)", "=x"), scope)))
      end)
      say(select(2, pcall(loadstring("require('timerlua').scope()", "=x"))))]])
  end)
end)

describe("cancelling the task that runs a scope", function()
  for _, case in ipairs {
    { "waits in its body", "tl.sleep(9)" },
    { "waits for its children", "" },
  } do
    it("cancels the children and waits for them, when it " .. case[1], function()
      assert_says({ "child 1", "cleaned 3", "deferred 3", "cancelled 3" }, [[
        local t = tl.spawn(function()
          tl.defer(function() say("deferred", clock()) end)
          tl.scope(function(scope)
            scope:spawn(function()
              tl.defer(function() tl.sleep(2) say("cleaned", clock()) end)
              pcall(tl.sleep, 9)
              say("child", clock())
            end)
            ]] .. case[2] .. [[
          end)
          say("never")
        end)
        tl.sleep(1)
        t:cancel()
        t:join()
        say(t.status, clock())]])
    end)
  end

  it("again and again still waits for them", function()
    assert_says({ "cleaned 4", "cancelled 4" }, [[
      local t = tl.spawn(tl.scope, function(scope)
        scope:spawn(function()
          tl.defer(function() tl.sleep(3) say("cleaned", clock()) end)
          tl.sleep(9)
        end)
      end)
      for _ = 1, 3 do tl.after(1, function() t:cancel() end) end
      tl.after(2, function() t:cancel() end)
      t:join()
      say(t.status, clock())]])
  end)

  it("reports an error of a child", function()
    local r = run_script [[
      local t = tl.spawn(tl.scope, function(scope)
        scope:spawn(function() pcall(tl.sleep, 9) error("broken", 0) end)
      end)
      tl.sleep(1)
      t:cancel()
      say(t:join())]]
    assert.equal("nil join: task cancelled ECANCELED\n", r.out)
    assert.equal(1, count("broken", r))
  end)
end)

describe("scopes and timeouts", function()
  it("a timeout around a scope cancels its children and waits for them", function()
    for _, body in ipairs { "", "tl.sleep(9)" } do
      assert_says({ "cleaned 3", "nil timeout ETIMEDOUT 3" }, [[
        local a, b, c = tl.timeout(1, tl.scope, function(scope)
          scope:spawn(function()
            tl.defer(function() tl.sleep(2) say("cleaned", clock()) end)
            tl.sleep(9)
          end)
          ]] .. body .. [[
        end)
        say(a, b, c, clock())]])
    end
  end)

  it("of two timeouts around one, the outer that comes in the cleanup counts", function()
    assert_says({ "nil timeout ETIMEDOUT outer 3" }, [[
      local a, b, c, d = tl.timeout(2, function()
        local _, why = tl.timeout(1, tl.scope, function(scope)
          scope:spawn(function() tl.defer(tl.sleep, 2) tl.sleep(9) end)
        end)
        say("inner", why)
      end)
      say(a, b, c, "outer", clock())]])
  end)

  it("a timeout inside a scope ends alone", function()
    assert_says({ "nil timeout ETIMEDOUT", "child 2", "fine" }, [[
      say(tl.scope(function(scope)
        scope:spawn(function() tl.sleep(2) say("child", clock()) end)
        say(tl.timeout(1, tl.sleep, 9))
        return "fine"
      end))]])
  end)

  it("scopes nest: an error ends the inner ones first", function()
    assert_says({ "inner 3", "false broken 3" }, [[
      local ok, err = pcall(tl.scope, function(outer)
        outer:spawn(function()
          tl.scope(function(inner)
            inner:spawn(function()
              tl.defer(function() tl.sleep(2) say("inner", clock()) end)
              tl.sleep(9)
            end)
          end)
        end)
        tl.sleep(1)
        error("broken", 0)
      end)
      say(ok, err, clock())]])
  end)

  it("an error of an inner scope is caught between the two", function()
    assert_says({ "false broken", "fine 3" }, [[
      say(tl.scope(function(outer)
        outer:spawn(tl.sleep, 3)
        say(pcall(tl.scope, function(inner)
          inner:spawn(function() tl.sleep(1) error("broken", 0) end)
          tl.sleep(9)
        end))
        return "fine"
      end), clock())]])
  end)

  it("work in callbacks, and leave nothing behind", function()
    assert_says({ "1", "0 1" }, [[
      tl.after(1, function() tl.scope(function(scope) scope:spawn(say, 1) end) end)
      tl.sleep(2)
      say(tl.stats().handles, #tl.handles())]])
  end)

  it("a body that yields where it must not has its children cancelled", function()
    local r = run_script [[
      tl.spawn(tl.scope, function(scope)
        scope:spawn(function() tl.defer(say, "gone") tl.sleep(9) end)
        tl.sleep(1)
        coroutine.yield()
      end)
      tl.sleep(2)
      say(#tl.handles())]]
    assert.equal("gone\n1\n", r.out)
    assert.equal(1, count("coroutine.yield", r))
  end)

  it("inside a C function are refused before anything starts", function()
    assert_says({ "false true 1" }, [[
      local ok, err = pcall(table.sort, { 1, 2 }, function() tl.scope(say) end)
      say(ok, err:find("timerlua.scope: called inside a C function", 1, true) ~= nil,
        #tl.handles())]])
  end)

  it("work in the main chunk of a plain luajit", function()
    local tl = require "timerlua"
    tl.clock.virtual()
    finally(tl.clock.real)
    local seen, start = {}, tl.now()
    assert.equal("x", tl.scope(function(scope)
      scope:spawn(function() tl.sleep(2) seen[1] = "child" end)
      tl.sleep(1)
      return "x"
    end))
    assert.same({ "child" }, seen)
    local ok, err = pcall(tl.scope, function(scope)
      scope:spawn(function() tl.sleep(1) error("broken", 0) end)
      tl.sleep(9)
    end)
    assert.equal(false, ok)
    assert.equal("broken", err)
    assert.same({ nil, "timeout", "ETIMEDOUT" }, { tl.timeout(1, tl.scope, function(scope)
      scope:spawn(tl.sleep, 9)
    end) })
    assert.equal(4, math.floor((tl.now() - start) * 1e6 + 0.5) / 1e6)
  end)
end)

-- Trees of scopes whose tasks fail, catch, time out, cancel their scope and are
-- cancelled from outside, at random and often in the same turn.
describe("random trees of scopes", function()
  for _, seed in ipairs(support.seeds(6)) do
    it("never let a task outlive its scope (TEST_SEED=" .. seed .. ")", function()
      local r = run_script(("math.randomseed(%d)\n"):format(seed) .. [[
        local random = math.random
        local raised, made = 0, 0
        tl.on("error", function(err)
          assert(tostring(err) == "broken", err)
          raised = raised + 1
        end)
        local begun, ended, known = 0, 0, {}
        local function tree(depth)
          local alive = 0
          local function child()
            begun, alive = begun + 1, alive + 1
            known[#known + 1] = tl.current()
            tl.defer(function()
              if random(3) == 1 then pcall(tl.sleep, random(0, 2)) end
              alive, ended = alive - 1, ended + 1
            end)
            if depth > 0 and random(2) == 1 then tree(depth - 1) end
            if random(3) == 1 then pcall(tl.sleep, random(0, 3)) else tl.sleep(random(0, 3)) end
            if random(6) == 1 then error("broken", 0) end
          end
          local function body(scope)
            for _ = 1, random(0, 4) do
              if random(4) == 1 then tl.sleep(random(0, 1)) end
              local t = scope:spawn(child)
              if random(5) == 1 then t:join() end
              if random(8) == 1 then pcall(t.join, t) end
              if random(8) == 1 then t:cancel() end
            end
            if random(6) == 1 then scope:cancel() end
            if random(8) == 1 then error("broken", 0) end
          end
          local ok, err
          if random(2) == 1 then ok, err = pcall(tl.timeout, random(0, 3), tl.scope, body)
          else ok, err = pcall(tl.scope, body) end
          assert(alive == 0, "a task outlives its scope")
          if not ok then
            made = made + 1
            if tostring(err):find("being cancelled", 1, true) then err = "broken" end
            error(err, 0)
          end
        end
        for _ = 1, 60 do
          tl.spawn(tree, 3)
          if random(2) == 1 then tl.sleep(random(0, 2)) end
          if #known > 0 and random(2) == 1 then known[random(#known)]:cancel() end
        end
        tl.run()
        assert(begun == ended, "not all ended")
        say(#tl.handles(), tl.stats().handles, raised > 0, made > 0)]])
      assert.equal("", r.err)
      assert.equal("1 0 true true\n", r.out)
    end)
  end
end)
