local support = require "tests.support"

local shell, quote = support.shell, support.quote

local SIGINT, SIGTERM = 2, 15

-- The beginning of every script here: signal(n) sends itself a signal.
local PRELUDE = [[
local tl = require "timerlua"
local ffi = require "ffi"
ffi.cdef "int kill(int, int); int getpid(void); int usleep(unsigned);"
local function signal(number) ffi.C.kill(ffi.C.getpid(), number) end
io.stdout:setvbuf("line")
]]

-- Run a command whose own end is the status; the message of the shell in between
-- ("Terminated") is dropped.
local function run_command(command)
  return shell(("exec 3>&2 2>/dev/null; (%s) 2>&3; exit $?"):format(command),
    { timeout = 10 })
end

local function run_script(code, options)
  options = options or {}
  return run_command(("%s %s %s -e %s"):format(options.before or "", support.program,
    options.option or "", quote(PRELUDE .. code)))
end

local function assert_ended(code, out, r)
  assert.equal("", r.err)
  assert.equal(out, r.out)
  assert.equal(code, r.code)
end

describe("SIGINT and SIGTERM", function()
  for number, name in pairs { [SIGINT] = "SIGINT", [SIGTERM] = "SIGTERM" } do
    it(name .. " ends a script that waits, by that signal", function()
      assert_ended(128 + number, "", run_script(([[
        tl.after(60, print, "never")
        tl.after(0.001, function() signal(%d) end)]]):format(number)))
    end)

    it(name .. " runs the stop handlers with the reason", function()
      assert_ended(128 + number, name .. "\tnil\n", run_script(([[
        tl.on("stop", function(reason, code) print(reason, code) end)
        tl.after(0.001, function() signal(%d) end)
        tl.sleep(60)
        print("never")]]):format(number)))
    end)
  end

  it("from another process end a wait at once", function()
    local r = run_script [[
      tl.on("stop", print)
      os.execute("kill -TERM " .. ffi.C.getpid() .. " &")
      tl.sleep(60)]]
    assert_ended(128 + SIGTERM, "SIGTERM\n", { err = r.err, code = r.code,
      out = r.out:gsub("\t.*\n", "\n") })
  end)

  it("let the running callback finish, and start nothing after it", function()
    assert_ended(128 + SIGINT, "begun\nfinished\n", run_script [[
      tl.after(0.001, function()
        print("begun")
        signal(2)
        ffi.C.usleep(2000)
        print("finished")
      end)
      tl.after(1, print, "next")
      tl.sleep(60)]])
  end)

  it("run stop handlers in the order of tl.on, and each once", function()
    assert_ended(128 + SIGTERM, "1\n2\n3\n", run_script [[
      for i = 1, 3 do tl.on("stop", function() print(i) end) end
      signal(15)
      tl.sleep(60)]])
  end)

  it("let stop handlers sleep while timers and tasks go on", function()
    assert_ended(128 + SIGTERM, "stopping\nticks\nstopped\n", run_script [[
      local ticks = 0
      tl.every(0.001, function() ticks = ticks + 1 end)
      tl.on("stop", function()
        print("stopping")
        local before = ticks
        tl.sleep(0.02)
        print(ticks > before and "ticks" or "no ticks")
        tl.spawn(tl.sleep, 0.001):join()
        print("stopped")
      end)
      signal(15)
      tl.sleep(60)]])
  end)

  it("end a script whose stop handlers take too long, and say so", function()
    local r = run_script([[
      tl.on("stop", function() print("begun") tl.sleep(60) print("never") end)
      tl.on("stop", function() print("never either") end)
      signal(2)
      tl.sleep(60)]], { option = "--stop-grace=50ms" })
    assert.equal("begun\n", r.out)
    assert.equal("timerlua: the stop handlers took more than 0.05 s; ending without them\n",
      r.err)
    assert.equal(128 + SIGINT, r.code)
  end)

  it("give stop handlers five seconds", function()
    local r = run_script([[
      tl.on("stop", function() tl.sleep(4.9) print("in time") tl.sleep(0.2) print("never") end)]],
      { option = "--virtual-time" })
    assert.equal("in time\n", r.out)
    assert.equal("timerlua: the stop handlers took more than 5 s; ending without them\n", r.err)
    assert.equal(1, r.code)
  end)

  it("leave the status to tl.stop(n) in a handler", function()
    assert_ended(3, "", run_script [[
      tl.on("stop", function() tl.stop(3) end)
      signal(15)
      tl.sleep(60)]])
  end)

  it("leave the status to os.exit(n) in a handler", function()
    assert_ended(4, "bye\n", run_script [[
      tl.on("stop", function() print("bye") os.exit(4) end)
      signal(15)
      tl.sleep(60)]])
  end)

  it("report an error in a stop handler and run the next one", function()
    local r = run_script [[
      tl.on("stop", function() error("broken") end)
      tl.on("stop", function() print("second") end)
      signal(15)
      tl.sleep(60)]]
    assert.equal("second\n", r.out)
    assert.truthy(r.err:match("^[^\n]*"):find('tl.on("stop") handler: ', 1, true), r.err)
    assert.truthy(r.err:match("^[^\n]*"):find("broken", 1, true), r.err)
    assert.equal(1, r.code)
  end)

  it("end at once when they come twice, even in a handler that waits", function()
    local r = run_script [[
      tl.on("stop", function()
        print("begun")
        tl.after(0, function() signal(2) end)
        tl.sleep(60)
      end)
      signal(2)
      tl.sleep(60)]]
    assert_ended(128 + SIGINT, "begun\n", r)
  end)

  it("end a busy script when they come twice", function()
    assert_ended(128 + SIGTERM, "busy\n", run_script [[
      print("busy")
      signal(2)
      signal(15)
      while true do end]])
    local r = run_script [[
      -- not os.execute, which ignores SIGINT while the shell runs
      print("busy")
      sender = io.popen(("(kill -INT %d; kill -TERM %d) &"):format(
        ffi.C.getpid(), ffi.C.getpid()))
      local i = 0
      while true do i = i + 1 end]]
    assert.equal("busy\n", r.out)
    -- which of two signals that come together is handled last is the kernel's
    assert.truthy(r.code == 128 + SIGTERM or r.code == 128 + SIGINT, r.code)
  end)

  it("stay ignored where they were ignored, as nohup does", function()
    local ignoring = [[trap "" INT TERM; ]]
    assert_ended(0, "survived\n", run_script([[
      signal(2)
      signal(15)
      tl.sleep(0.001)
      print("survived")]], { before = ignoring }))
  end)

  it("act one by one: SIGTERM ends a script for which SIGINT is ignored", function()
    assert_ended(128 + SIGTERM, "still here\n", run_script([[
      signal(2)
      tl.sleep(0.001)
      print("still here")
      signal(15)
      tl.sleep(60)]], { before = [[trap "" INT; ]] }))
  end)

  it("before the script waits for the first time are not lost", function()
    assert_ended(128 + SIGTERM, "end of main\n", run_script [[
      signal(15)
      tl.after(60, print, "never")
      print("end of main")]])
  end)

  it("end a script on virtual time too", function()
    local r = run_script([[
      tl.every(1, function(t) if t.runs == 5 then signal(15) end end)]],
      { option = "--virtual-time" })
    assert_ended(128 + SIGTERM, "", r)
  end)

  it("do not end a script in a busy loop the first time", function()
    assert_ended(128 + SIGINT, "500000500000\n", run_script [[
      signal(2)
      local sum = 0
      for i = 1, 1e6 do sum = sum + i end
      print(("%d"):format(sum))
      tl.sleep(60)]])
  end)

  it("flush what was printed", function()
    local r = run_script [[
      io.stdout:setvbuf("full")
      io.write("unflushed")
      signal(15)
      tl.sleep(60)]]
    assert_ended(128 + SIGTERM, "unflushed", r)
  end)
end)

describe("tl.stop", function()
  it("ends the script from a callback, with status 0", function()
    assert_ended(0, "1\n2\n", run_script [[
      tl.every(0.001, function(t) print(t.runs) if t.runs == 2 then tl.stop() end end)
      tl.sleep(60)]])
  end)

  it("ends the script from a task with the given status", function()
    assert_ended(3, "", run_script [[
      tl.spawn(function() tl.sleep(0.001) tl.stop(3) end)
      tl.sleep(60)]])
  end)

  it("lets the caller go on to its next wait, not further", function()
    assert_ended(0, "after\n", run_script [[
      tl.stop()
      print("after")
      tl.sleep(0)
      print("never")]])
  end)

  it("keeps other callbacks of the same batch from starting", function()
    assert_ended(0, "first\n", run_script [[
      tl.after(0, function() print("first") tl.stop() end)
      tl.after(0, print, "second")
      tl.sleep(60)]])
  end)

  it("gives its handlers the reason and the code", function()
    assert_ended(5, "stop\t5\n", run_script [[
      tl.on("stop", print)
      tl.stop(5)]])
  end)

  it("called again changes the code and runs no handler twice", function()
    assert_ended(6, "once\n", run_script [[
      tl.on("stop", function() print("once") tl.sleep(0) tl.stop(6) end)
      tl.stop(5)
      tl.stop()]])
  end)

  it("refuses values that are not exit statuses, at the caller's line", function()
    assert_ended(0, ("1: timerlua.stop: code must be an integer from 0 to 255, got %s\n")
      :rep(5):format("-1", "256", "1.5", '"1"', "nan"), run_script([[
      for _, code in ipairs { -1, 256, 1.5, "1", 0/0 } do
        local ok, message = pcall(loadstring("require('timerlua').stop(...)", "=x"), code)
        print((tostring(message):gsub("^x:", "")))
      end]]))
  end)

  it("in a pcall is not an error", function()
    assert_ended(2, "true\n", run_script [[print((pcall(tl.stop, 2)))]])
  end)
end)

describe('tl.on("stop")', function()
  it("is called at the natural end", function()
    assert_ended(0, "main\ntimer\ndone\tnil\n", run_script [[
      tl.on("stop", print)
      tl.after(0.001, function() print("timer") end)
      print("main")]])
  end)

  it("may wait at the natural end, and what it starts runs", function()
    assert_ended(0, "done\ntimer\nwaited\n", run_script [[
      tl.on("stop", function(reason)
        print(reason)
        tl.after(0.001, function() print("timer") end)
        tl.sleep(0.005)
        print("waited")
      end)]])
  end)

  it("does not wait for what its handlers left behind", function()
    assert_ended(0, "done\n", run_script [[
      tl.on("stop", function(reason) print(reason) tl.after(60, print, "never") end)]])
  end)

  it("may change the status at the natural end", function()
    assert_ended(9, "", run_script [[tl.on("stop", function() tl.stop(9) end)]])
  end)

  it("subscribed in a handler is not called any more", function()
    assert_ended(0, "outer\n", run_script [[
      tl.on("stop", function()
        print("outer")
        tl.on("stop", function() print("inner") end)
      end)]])
  end)

  it("cancelled is not called", function()
    assert_ended(0, "true\tfalse\nkept\n", run_script [[
      local subscription = tl.on("stop", function() print("cancelled") end)
      tl.on("stop", function() print("kept") end)
      print(subscription:cancel(), subscription:cancel())]])
  end)
end)

describe('tl.on("error")', function()
  it("takes the error, its traceback and the timer it ended", function()
    local r = run_script [[
      tl.on("error", function(err, traceback, source)
        print(err, traceback:match("^stack traceback:") ~= nil, source.kind, source.name)
      end)
      local t = tl.after(0, function() error({ 1 }) end)
      t.name = "mine"]]
    assert.equal("", r.err)
    assert.equal("table: X\ttrue\ttimer\tmine\n", (r.out:gsub("0x%x+", "X")))
    assert.equal(0, r.code)
  end)

  it("is told of errors in the main chunk and in tasks", function()
    assert_ended(1, "task broke\tworker\nmain broke\tmain\n", run_script [[
      tl.on("error", function(err, _, source) print(err, source.name) end)
      tl.spawn(function() error("task broke", 0) end).name = "worker"
      tl.sleep(0.001)
      error("main broke", 0)]])
  end)

  it("keeps --on-error=stop from stopping, because the error is handled", function()
    assert_ended(0, "handled\nwent on\n", run_script([[
      tl.on("error", function() print("handled") end)
      tl.after(0, error, "broken")
      tl.after(0.001, function() print("went on") end)]],
      { option = "--on-error=stop" }))
  end)

  it("may wait", function()
    assert_ended(0, "waited\nafter\n", run_script [[
      tl.on("error", function() tl.sleep(0.001) print("waited") end)
      tl.after(0, error, "broken")
      tl.sleep(0.3)
      print("after")]])
  end)

  it("may stop the script", function()
    assert_ended(8, "broken\n", run_script [[
      tl.on("error", function(err) print(err) tl.stop(8) end)
      tl.after(0, function() error("broken", 0) end)
      tl.sleep(60)]])
  end)

  it("that fails itself is reported, along with the error that it got, with status 1", function()
    local r = run_script [[
      tl.on("error", function() error("worse", 0) end)
      tl.after(0, error, "broken")
      tl.sleep(0.001)
      print("went on")]]
    assert.equal("went on\n", r.out)
    assert.equal('timerlua: error in tl.on("error") handler: worse\n',
      (r.err:match("^[^\n]*\n")))
    assert.equal(2, select(2, r.err:gsub("timerlua: error", "")))
    assert.equal(1, r.code)
  end)

  it("that fails does not hide the error from the next handler", function()
    local r = run_script [[
      tl.on("error", function() error("worse", 0) end)
      tl.on("error", function(err) print("second: " .. err) end)
      tl.after(0, function() error("broken", 0) end)]]
    assert.equal("second: broken\n", r.out)
    assert.equal(1, r.code)
  end)

  it("cancelled leaves errors to the report", function()
    local r = run_script [[
      local subscription = tl.on("error", print)
      tl.after(0, function() error("first", 0) end)
      tl.after(0.001, function()
        subscription:cancel()
        error("second", 0)
      end)]]
    assert.equal("first", r.out:match("^[^\t]*"))
    assert.truthy(r.err:match("^[^\n]*"):find("second$"), r.err)
    assert.equal(1, r.code)
  end)
end)

describe("tl.on", function()
  it("refuses unknown events and values that cannot be called", function()
    assert_ended(0, 'x:1: timerlua.on: event must be "error", "stop", "clock_jump",'
      .. ' "reload" or "post", got "end"; did you mean "stop"?\n'
      .. 'x:1: timerlua.on: fn must be a function, got nil\n',
      run_script [[
      local on = loadstring("require('timerlua').on(...)", "=x")
      print(select(2, pcall(on, "end", print)))
      print(select(2, pcall(on, "stop")))]])
  end)
end)

describe("the module in a plain luajit", function()
  -- A sanitized core needs its runtime loaded first.
  local function run_plain(code)
    return run_command('LD_PRELOAD="$SANITIZER_PRELOAD" luajit -e '
      .. quote(PRELUDE .. code))
  end

  it("returns tl.stop's code from tl.run", function()
    assert_ended(0, "3\tnil\n", run_plain [[
      tl.after(0.001, function() tl.stop(3) end)
      tl.after(60, print, "never")
      print(tl.run())]])
  end)

  it("applies a tl.stop before tl.run to that run only", function()
    assert_ended(0, "5\tnil\nran\n0\tnil\n", run_plain [[
      tl.after(0.001, function() print("ran") end)
      tl.stop(5)
      print(tl.run())
      print(tl.run())]])
  end)

  it("runs each stop handler once, at the end of the first tl.run after its tl.on", function()
    assert_ended(0, "stop\t1\n1\tnil\n0\tnil\ndone\tnil\n0\tnil\n", run_plain [[
      tl.on("stop", print)
      tl.after(0.001, function() tl.stop(1) end)
      print(tl.run())
      print(tl.run())
      tl.on("stop", print)
      print(tl.run())]])
  end)

  it("forgets a sleep that tl.stop cut short", function()
    assert_ended(0, "first\t0\nsecond\t0\ntrue\n", run_plain [[
      tl.after(0.001, function() tl.stop() end)
      tl.sleep(5)
      print("first", (tl.run()))
      local start = tl.now()
      tl.after(0.02, function() print("second", 0) end)
      tl.run()
      print(tl.now() - start < 4)]])
  end)

  it("goes on waiting after a tl.stop ended an earlier sleep", function()
    assert_ended(0, "true\n", run_plain [[
      tl.after(0.001, function() tl.stop() end)
      tl.sleep(0.01)
      tl.run()
      local start = tl.now()
      tl.sleep(0.02)
      print(tl.now() - start >= 0.02)]])
  end)

  it("returns 1 from tl.run after an uncaught error", function()
    local r = run_plain [[
      tl.after(0, error, "broken")
      print((tl.run()))]]
    assert.equal("1\n", r.out)
    assert.equal(0, r.code)
  end)

  it("leaves signals to the process", function()
    local r = run_plain [[
      tl.after(0.001, function() signal(15) end)
      tl.sleep(60)
      print("never")]]
    assert.equal("", r.out)
    assert.equal(128 + SIGTERM, r.code)
  end)
end)
