-- Coroutines of the script's own: a wait inside suspends the task that resumed the
-- coroutine.
local support = require "tests.support"

local assert_says = support.assert_says

-- Before scripts: a generator that waits `delay` before each of `n` values.
local GENERATOR = [[
  local function values(n, delay)
    return coroutine.wrap(function()
      for i = 1, n do tl.sleep(delay) coroutine.yield(i) end
    end)
  end ]]

describe("a wait in a coroutine of the script's own", function()
  it("suspends the task, and the coroutine continues", function()
    assert_says({ "tick 0.75", "1 1", "tick 1.5", "2 2", "tick 2.25", "over 2" }, GENERATOR .. [[
      tl.every(0.75, function() say("tick", clock()) end):unref()
      for i in values(2, 1) do say(i, clock()) end
      local over = clock()
      tl.sleep(0.5)
      say("over", over)]])
  end)

  it("nests", function()
    assert_says({ "10 3", "20 6" }, GENERATOR .. [[
      local outer = coroutine.wrap(function()
        for i in values(2, 1) do tl.sleep(2) coroutine.yield(i * 10) end
      end)
      for i in outer do say(i, clock()) end]])
  end)

  it("passes values in and out as without a wait", function()
    assert_says({ "true 1 nil 3", "true x nil 3", "true 0", "dead" }, [[
      local co = coroutine.create(function(...)
        tl.sleep(1)
        local a, b, c = coroutine.yield(...)
        tl.sleep(1)
        coroutine.yield(a, b, c)
      end)
      say(coroutine.resume(co, 1, nil, 3))
      say(coroutine.resume(co, "x", nil, 3))
      say("true", select("#", coroutine.resume(co)) - 1)
      say(coroutine.status(co))]])
  end)

  it("raises the interruption of the task there, and again outside", function()
    assert_says({ "inside ECANCELED", "outside ECANCELED", "cancelled 2" }, [[
      local t = tl.spawn(function()
        local _, err = coroutine.resume(coroutine.create(function()
          local _, err = pcall(tl.sleep, 9)
          say("inside", err.code)
          error(err, 0)
        end))
        local _, again = pcall(tl.sleep, 9)
        say("outside", again.code)
        error(err, 0)
      end)
      tl.sleep(2)
      t:cancel()
      t:join()
      say(t.status, clock())]])
  end)

  it("works for each function that waits", function()
    assert_says({ "7", "got x", "done", "true true" }, [[
      local gen = coroutine.wrap(function()
        coroutine.yield(tl.spawn(function() tl.sleep(1) return 7 end):join())
        local channel = tl.channel()
        tl.after(1, function() tl.spawn(channel.send, channel, "x") end)
        coroutine.yield("got " .. channel:receive())
        local a, b = tl.socketpair()
        tl.after(1, function() a:send("done\n") end)
        coroutine.yield((b:receive()))
        a:close()
        b:close()
        local me = tl.current()
        coroutine.yield(me ~= nil and me.status == "running")
      end)
      say(gen()) say(gen()) say(gen()) say(gen(), tl.current() ~= nil)]])
  end)

  it("works in callbacks, which have the site of the wrapped function", function()
    local path = support.temporary [[
local tl = require "timerlua"
local t = tl.every(1, coroutine.wrap(function()
  for i = 1, 2 do tl.sleep(0.25) print(i) coroutine.yield() end
  error "over"
end))
print((t.site:gsub(".*:", "")))
tl.after(3.5, tl.stop)]]
    local r = support.run { "--virtual-time", path }
    assert.equal("2\n1\n2\n", r.out)
    assert.equal(1, support.count(":4: over", r))
    os.remove(path)
  end)

  it("inside a C function is a clear error, inside and around the coroutine", function()
    assert_says({ "false true", "false true" }, [[
      local function find(ok, err)
        say(ok, err:find("timerlua.sleep: called inside a C function", 1, true) ~= nil)
      end
      find(pcall(table.sort, { 1, 2 }, coroutine.wrap(function() tl.sleep(1) end)))
      find(pcall(coroutine.wrap(function()
        string.gsub("x", "x", function() tl.sleep(1) end)
      end)))]])
  end)

  it("keeps limits out, which the coroutine could leave and enter again", function()
    for _, call in ipairs { "tl.timeout(1, print)", "tl.scope(print)", "tl.shield(print)" } do
      assert_says({ "false true" }, ([[
        local ok, err = pcall(coroutine.wrap(function() %s end))
        say(ok, err:find("a coroutine of the script's own, which may yield in between", 1, true)
          ~= nil)]]):format(call))
    end
  end)

  it("survives garbage collections, and leaves nothing behind", function()
    assert_says({ "20 1 0" }, GENERATOR .. [[
      local count = 0
      for _ = 1, 10 do
        tl.spawn(function()
          for _ in values(2, 1) do collectgarbage() count = count + 1 end
        end)
      end
      tl.run()
      say(count, #tl.handles(), tl.stats().handles)]])
  end)

  it("in a plain luajit's main chunk is a clear error", function()
    local tl = require "timerlua"
    local ok, err = coroutine.resume(coroutine.create(function() tl.sleep(1) end))
    assert.equal(false, ok)
    assert.truthy(err:find("timerlua.sleep: called in a coroutine of the script's own that "
      .. "no task has resumed; use tl.spawn", 1, true))
  end)
end)

describe("coroutine.resume and coroutine.wrap", function()
  it("refuse the coroutine of a task", function()
    assert_says({ "false cannot resume the coroutine of a task, which the loop resumes",
      "slept 1" }, [[
      local co
      tl.spawn(function()
        co = coroutine.running()
        tl.sleep(1)
        say("slept", clock())
      end)
      tl.sleep(0.5)
      say(coroutine.resume(co))]])
  end)

  it("refuse a coroutine in which another task waits", function()
    assert_says({ "false cannot resume a coroutine in which a task waits", "suspended",
      "true 7 1", "false true" }, [[
      local co = coroutine.create(function() tl.sleep(1) return 7 end)
      tl.spawn(function()
        local ok, value = coroutine.resume(co)
        say(ok, value, clock())
      end)
      tl.sleep(0.5)
      say(coroutine.resume(co))
      say(coroutine.status(co))
      tl.sleep(1)
      local gen = coroutine.wrap(function() tl.sleep(1) end)
      tl.spawn(gen)
      tl.sleep(0.5)
      local ok, err = pcall(gen)
      say(ok, err:find("cannot resume a coroutine in which a task waits", 1, true) ~= nil)]])
  end)

  it("refuse what is no coroutine and no function, as the standard functions do", function()
    assert_says({ "x:1: bad argument #1 to 'resume' (coroutine expected)",
      "x:1: bad argument #1 to 'wrap' (function expected, got nil)",
      "x:1: cannot resume dead coroutine", "x:1: broken" }, [[
      say(select(2, pcall(loadstring("coroutine.resume(5)", "=x"))))
      say(select(2, pcall(loadstring("coroutine.wrap()", "=x"))))
      say(select(2, pcall(loadstring("local f = coroutine.wrap(function() end) f() f()", "=x"))))
      say(select(2, pcall(loadstring(
        "local f = coroutine.wrap(function() error('broken', 0) end) f()", "=x"))))]])
  end)
end)
