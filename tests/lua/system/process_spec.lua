-- Running children: waiting for them, signals, when and how they are ended.
local processes = require "tests.support.processes"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

local raised = support.raised
local run = processes.run

local STUBBORN = { "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.01; done" }

-- A child that ignores TERM, once it does.
local function stubborn(opts)
  opts = opts or {}
  opts.stdout = "pipe"
  local p = assert(tl.exec(STUBBORN, opts))
  assert.equal("ready", p.stdout:receive())
  return p
end

local function shell(code, opts)
  return assert(tl.exec({ "sh", "-c", code }, opts))
end

describe("process:wait", function()
  it("gives the exit status and the resources used", function()
    run(function()
      local status = shell("exit 7"):wait()
      assert.equal(7, status.code)
      assert.equal(nil, status.signal)
      assert.is_false(status.core)
      assert.is_false(status.timed_out)
      assert.is_true(status.user >= 0 and status.system >= 0)
      assert.is_true(status.max_rss > 2 ^ 18 and status.max_rss < 2 ^ 30)
    end)
  end)

  it("counts processor time", function()
    run(function()
      local status = shell("i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done"):wait()
      assert.is_true(status.user > 0.005, tostring(status.user))
    end)
  end)

  it("gives the signal that ended it", function()
    run(function()
      for _, name in ipairs { "TERM", "KILL", "SEGV", "RTMIN+2" } do
        local p = assert(tl.exec({ "sleep", "60" }, { rlimits = { core = 0 } }))
        assert.is_true(p:kill(name))
        local status = p:wait()
        assert.same({ "SIG" .. name, nil, false }, { status.signal, status.code, status.core })
      end
    end)
  end)

  it("serves several tasks, and later calls", function()
    run(function()
      local p = shell("read line; exit 3", { stdin = "pipe" })
      local tasks = {}
      for i = 1, 5 do tasks[i] = tl.spawn(p.wait, p) end
      tl.sleep(0.001)
      p.stdin:close()
      for i = 1, 5 do assert.equal(3, tasks[i]:join().code) end
      assert.equal(p.status, p:wait())
      assert.equal(p.status, p:wait(0))
    end)
  end)

  it("has a limit, and can be cancelled or timed out from outside", function()
    run(function()
      local p = assert(tl.exec { "sleep", "60" })
      assert.same({ nil, "timeout", "ETIMEDOUT" }, { p:wait(0.01) })
      assert.same({ nil, "timeout", "ETIMEDOUT" }, { tl.timeout(0.01, p.wait, p) })
      local waiting = tl.spawn(p.wait, p)
      tl.sleep(0.001)
      waiting:cancel()
      assert.same({ nil, "join: task cancelled", "ECANCELED" }, { waiting:join() })
      assert.equal(nil, p.status)
      p:kill()
      assert.equal("SIGTERM", p:wait().signal)
      assert.equal("HERE: timerlua.process:wait: limit must be a number >= 0, got -1",
        raised(function() p:wait(-1) end))
    end)
  end)

  it("returns at once for a child that ended before", function()
    run(function()
      local p = assert(tl.exec { "true" })
      sockets.till(function() return not processes.alive(p.pid) end, "its end")
      assert.equal(0, p:wait().code)
    end)
  end)

  it("works in the main chunk of a plain luajit", function()
    local p = assert(tl.exec { "sh", "-c", "exit 4" })
    assert.equal(4, p:wait().code)
    assert.is_true(processes.none_left())
  end)
end)

describe("on_exit", function()
  it("is called once, with the process and its status, and may wait", function()
    run(function()
      local seen = {}
      local p = shell("exit 5", { on_exit = sockets.collecting(function(process, status)
        tl.sleep(0.001)
        seen[#seen + 1] = { process, status.code }
      end) })
      sockets.till(function() return #seen > 0 end)
      p:wait()
      assert.same({ { p, 5 } }, seen)
    end)
  end)

  it("that fails is reported with the process's name", function()
    for _, wait in ipairs { "", "require'timerlua'.sleep(0)" } do
      local r = support.run(([[
        local tl = require "timerlua"
        tl.exec({ "true" }, { name = "worker", on_exit = function() %s error "oops" end })
        print "on"]]):format(wait))
      assert.equal("on\n", r.out)
      assert.truthy(r.err:find('timerlua: error in %l+ "worker" %(.-%): .*oops'), r.err)
      assert.equal(1, r.code)
    end
  end)

  it("may start the next one", function()
    run(function()
      local count = 0
      local function again()
        count = count + 1
        if count < 50 then assert(tl.exec({ "true" }, { on_exit = again })) end
      end
      again()
      sockets.till(function() return count == 50 end)
    end)
  end)
end)

describe("process:kill", function()
  it("takes names and numbers, and reports the end", function()
    run(function()
      local p = assert(tl.exec { "sleep", "60" })
      assert.is_true(p:kill "SIGSTOP")
      assert.is_true(p:kill "cont")
      assert.is_true(p:kill(15))
      p:wait()
      assert.same({ nil, ("kill sleep (%d): no such process"):format(p.pid), "ESRCH" },
        { p:kill() })
      assert.equal("ESRCH", select(3, p:stop()))
    end)
  end)

  it("suggests the nearest name for an unknown name", function()
    run(function()
      local p = assert(tl.exec { "true" })
      local prefix = "HERE: timerlua.process:kill: signal must be "
      for wrong, meant in pairs { TREM = "TERM", SIGHUB = "HUP", usr3 = "USR1", KIL = "KILL" } do
        assert.equal(("%sthe name of a signal, such as %q, got %q"):format(prefix, meant, wrong),
          raised(function() p:kill(wrong) end))
      end
      assert.equal(prefix .. "the number of a signal, 1 to 31 or 34 to 64, got 65",
        raised(function() p:kill(65) end))
      assert.equal(prefix .. "the name or number of a signal, got true",
        raised(function() p:kill(true) end))
      p:wait()
    end)
  end)

  it("reaches the whole group where there is one", function()
    run(function()
      local path = support.temporary()
      local p = shell("sleep 60 & echo $! >" .. path .. "; wait", { pgroup = true })
      local grandchild = processes.pid_in(path)
      p:kill "KILL"
      assert.equal("SIGKILL", p:wait().signal)
      sockets.till(function() return not processes.alive(grandchild) end, "its child's end")
      os.remove(path)
    end)
  end)
end)

describe("a child", function()
  it("has the default action for every signal, and none blocked", function()
    for _, before in ipairs { "", "trap '' PIPE; " } do
      local r = support.run({ "-e", [[
        require "timerlua".exec({ "sed", "-n", "/Sig[BIC]/p", "/proc/self/status" }):wait()]] },
        { before = before })
      assert.equal("", r.err)
      for _, name in ipairs { "Blk", "Ign", "Cgt" } do
        local low = r.out:match("Sig" .. name .. ":\t%x*(%x%x%x%x%x%x%x%x)\n")
        assert.equal(0, tonumber(low, 16) % 2 ^ 31, r.out) -- but the real-time ones
      end
    end
  end)

  it("is started right in a storm of signals", function()
    local r = support.run [[
      local tl = require "timerlua"
      local storm = assert(tl.exec({ "sh", "-c",
        "while kill -PIPE $PPID; do :; done 2>/dev/null" }))
      local count = 0
      for i = 1, 300 do
        local result = assert(tl.run({ "sh", "-c", "cat; exit 3" }, { input = "x" .. i }))
        if result.stdout == "x" .. i and result.code == 3 then count = count + 1 end
      end
      storm:kill "KILL"
      print(count, storm:wait().signal)]]
    assert.same({ "300\tSIGKILL\n", "", 0 }, { r.out, r.err, r.code })
  end)

  it("is ended by SIGPIPE as usual", function()
    run(function()
      local p = assert(tl.exec({ "yes" }, { stdout = "pipe" }))
      assert.equal("y", p.stdout:receive())
      p.stdout:close()
      assert.equal("SIGPIPE", p:wait().signal)
    end)
  end)

  it("is listed while it runs", function()
    run(function()
      local p = assert(tl.exec({ "sleep", "60" }, { name = "sleeper" }))
      local found
      for _, row in ipairs(tl.handles()) do
        if row.handle == p then found = row end
      end
      assert.equal("process", found.kind)
      assert.equal(p.pid, found.pid)
      assert.equal("sleeper", found.name)
      assert.truthy(found.site:find("tests/lua/system/process_spec.lua:%d+$"))
      assert.truthy(tostring(p):find("^timerlua.Process: %d+ sleep %(running%)$"))
      p:kill()
      p:wait()
      assert.truthy(tostring(p):find "ended")
    end)
  end)

  it("keeps the loop running, unless it is unreferenced", function()
    local r = support.run [[
      local tl = require "timerlua"
      tl.exec({ "sleep", "0.05" }, { on_exit = function() print "ended" end })]]
    assert.same({ "ended\n", "", 0 }, { r.out, r.err, r.code })
    r = support.run([[
      local tl = require "timerlua"
      tl.exec({ "sleep", "60" }, { on_exit = function() print "never" end }):unref()]],
      { timeout = 5 })
    assert.same({ "", "", 0 }, { r.out, r.err, r.code })
  end)

  it("keeps it running, if unreferenced, while a task waits for it", function()
    local r = support.run [[
      local tl = require "timerlua"
      print(tl.exec({ "sleep", "0.05" }):unref():wait().code)]]
    assert.same({ "0\n", "", 0 }, { r.out, r.err, r.code })
  end)

  it("is kept from the garbage collector by the loop", function()
    run(function()
      local ended
      tl.exec({ "sleep", "0.02" }, { on_exit = function() ended = true end })
      support.collect()
      sockets.till(function() return ended end)
    end)
  end)

  it("that closes its output early is read to that end, and goes on", function()
    run(function()
      local p = shell("echo last; exec >&-; read line; exit 3",
        { stdin = "pipe", stdout = "pipe" })
      assert.equal("last\n", p.stdout:receive("*a"))
      assert.equal(nil, p.status)
      p.stdin:close()
      assert.equal(3, p:wait().code)
    end)
  end)

  it("that writes 1 GB of unread output waits, and we hold none of it", function()
    run(function()
      local p = assert(tl.exec({ "head", "-c", "1000000000", "/dev/zero" }, { stdout = "pipe" }))
      local before = tl.stats().bytes
      assert.equal("timeout", select(2, p:wait(0.2)))
      assert.is_true(tl.stats().bytes - before < 2 ^ 20)
      assert.equal(0, p.stdout:stats().buffered)
      p:kill()
      assert.equal("SIGTERM", p:wait().signal)
    end)
  end)

  it("may be one of 500", function()
    run(function()
      local ended, children = 0, {}
      for i = 1, 500 do
        children[i] = assert(tl.exec({ "sh", "-c", "read line; exit " .. i % 256 },
          { stdin = "pipe", on_exit = function() ended = ended + 1 end }))
      end
      for _, p in ipairs(children) do p.stdin:close() end
      for i, p in ipairs(children) do assert.equal(i % 256, p:wait().code) end
      sockets.till(function() return ended == 500 end)
    end, 60)
  end)

  it("that other code reaped counts as lost", function()
    run(function()
      local ffi = require "ffi"
      local p = assert(tl.exec { "true" })
      assert.equal(p.pid, ffi.C.waitpid(p.pid, nil, 0))
      local status = p:wait()
      assert.same({ "ECHILD", nil, nil }, { status.lost, status.code, status.signal })
    end)
  end)
end)

describe("a timeout of a child", function()
  it("ends it by TERM", function()
    run(function()
      local p = assert(tl.exec({ "sleep", "60" }, { timeout = "10ms" }))
      local status = p:wait()
      assert.same({ "SIGTERM", true }, { status.signal, status.timed_out })
    end)
  end)

  it("is followed by KILL where TERM is ignored", function()
    run(function()
      local p = stubborn { timeout = 0.05, kill_after = 0.05 }
      local status = p:wait(10)
      assert.same({ "SIGKILL", true }, { status.signal, status.timed_out })
    end)
  end)

  it("has no effect on a child that has ended", function()
    run(function()
      local p = assert(tl.exec({ "true" }, { timeout = 60 }))
      assert.is_false(p:wait().timed_out)
    end)
  end)
end)

describe("process:stop", function()
  it("sends TERM, and KILL later", function()
    run(function()
      local p = assert(tl.exec { "sleep", "60" })
      assert.is_true(p:stop())
      assert.equal("SIGTERM", p:wait().signal)
      p = stubborn()
      assert.is_true(p:stop "20ms")
      assert.is_true(p:stop(0.01))
      assert.equal("SIGKILL", p:wait(10).signal)
      assert.equal("HERE: timerlua.process:stop: it must be called on a process, as "
        .. "process:stop(), got 1", raised(function() p.stop(1) end))
    end)
  end)
end)

describe("a child that a task started", function()
  it("ends when the task is cancelled", function()
    run(function()
      local p
      local owner = tl.spawn(function()
        p = assert(tl.exec { "sleep", "60" })
        tl.sleep(60)
      end)
      tl.sleep(0)
      owner:cancel()
      assert.equal("SIGTERM", p:wait().signal)
    end)
  end)

  it("gets KILL where it ignores TERM", function()
    run(function()
      local p
      local owner = tl.spawn(function()
        p = stubborn { kill_after = 0.02 }
        p:wait()
      end)
      sockets.till(function() return p end)
      owner:cancel()
      assert.equal("SIGKILL", p:wait(10).signal)
    end)
  end)

  it("goes on when the task ends, by itself or by an error", function()
    run(function()
      local p
      tl.spawn(function() p = assert(tl.exec { "sleep", "60" }) end):join()
      assert.equal("timeout", select(2, p:wait(0.02)))
      p:kill()
      p:wait()
      local failing = tl.spawn(function()
        p = assert(tl.exec { "sleep", "60" })
        error "oops"
      end)
      assert.is_false(pcall(failing.join, failing))
      assert.equal("timeout", select(2, p:wait(0.02)))
      p:kill()
      p:wait()
    end)
  end)

  it("ends when a callback that became a task is cancelled", function()
    run(function()
      local p, me
      tl.after(0, function()
        p = assert(tl.exec { "sleep", "60" }) -- not a task yet
        me = tl.current()
        tl.sleep(60)
      end)
      sockets.till(function() return me end)
      me:cancel()
      assert.equal("SIGTERM", p:wait().signal)
    end)
  end)

  it("does not belong to a later run of the same callback", function()
    run(function()
      local first, second, me
      local t = tl.every(0.001, function(t)
        if not first then
          first = assert(tl.exec { "sleep", "60" })
        else
          t:cancel()
          second = assert(tl.exec { "sleep", "60" })
          me = tl.current()
          tl.sleep(60)
        end
      end)
      sockets.till(function() return me end)
      t:cancel()
      me:cancel()
      assert.equal("SIGTERM", second:wait().signal)
      assert.equal("timeout", select(2, first:wait(0.02)))
      first:kill()
      first:wait()
    end)
  end)

  it("goes on when it is detached, in a session of its own", function()
    run(function()
      local p
      local owner = tl.spawn(function()
        p = assert(tl.exec({ "sh", "-c", "cut -d ' ' -f 6 /proc/$$/stat; exec sleep 60" },
          { detached = true, stdout = "pipe" }))
        tl.sleep(60)
      end)
      sockets.till(function() return p end)
      assert.equal(p.pid, tonumber(p.stdout:receive()))
      owner:cancel()
      assert.equal("timeout", select(2, p:wait(0.02)))
      p:kill()
      p:wait()
    end)
  end)
end)

describe("a child that a scope started", function()
  it("ends when the scope is cancelled, whichever task started it", function()
    run(function()
      local own, childs, ended_childs
      local _, message = tl.scope(function(scope)
        own = assert(tl.exec { "sleep", "60" })
        scope:spawn(function()
          childs = assert(tl.exec { "sleep", "60" })
          tl.sleep(60)
        end)
        scope:spawn(function() ended_childs = assert(tl.exec { "sleep", "60" }) end):join()
        scope:cancel()
        tl.sleep(60)
      end)
      assert.equal("scope: cancelled", message)
      for _, p in ipairs { own, childs, ended_childs } do
        assert.equal("SIGTERM", p:wait().signal)
      end
    end)
  end)

  it("ends when a task of the scope fails", function()
    run(function()
      local own, failed
      assert.is_false(pcall(tl.scope, function(scope)
        own = assert(tl.exec { "sleep", "60" })
        scope:spawn(function()
          failed = assert(tl.exec { "sleep", "60" })
          error "oops"
        end)
        tl.sleep(60)
      end))
      assert.equal("SIGTERM", own:wait().signal)
      assert.equal("SIGTERM", failed:wait().signal)
    end)
  end)

  it("goes on, as the task's, when the scope ends", function()
    run(function()
      local p
      local owner = tl.spawn(function()
        tl.scope(function(scope)
          scope:spawn(function() p = assert(tl.exec { "sleep", "60" }) end)
        end)
        tl.sleep(60)
      end)
      sockets.till(function() return p end)
      assert.equal("timeout", select(2, p:wait(0.02)))
      owner:cancel()
      assert.equal("SIGTERM", p:wait().signal)
    end)
  end)
end)

describe("a child started within tl.timeout", function()
  it("ends when the time is over", function()
    run(function()
      local p
      assert.equal("timeout", select(2, tl.timeout(0.02, function()
        p = assert(tl.exec { "sleep", "60" })
        p:wait()
      end)))
      assert.equal("SIGTERM", p:wait().signal)
    end)
  end)

  it("goes on when the function returns in time", function()
    run(function()
      local p = tl.timeout(60, tl.exec, { "sleep", "60" })
      assert.equal("timeout", select(2, p:wait(0.02)))
      p:kill()
      p:wait()
    end)
  end)
end)

describe("at the program's end", function()
  local path

  before_each(function()
    path = support.temporary()
    os.remove(path)
  end)
  after_each(function() os.remove(path) end)

  -- Run a script with a function child(), which starts a child that writes its number
  -- into a file; returns the result, and whether the child still runs.
  local function play(code, option)
    local r = support.run({ option or "--on-error=log", "-e", ([[
      local tl = require "timerlua"
      local function child(opts, trap)
        opts = opts or {}
        opts.kill_after = opts.kill_after or 0.1
        tl.exec({ "sh", "-c", (trap or "") .. "echo $$ >%s.new; mv %s.new %s; exec sleep 60" },
          opts):unref()
        while not io.open(%q) do tl.sleep(0.001) end
      end
    ]]):format(path, path, path, path) .. code }, { timeout = 30 })
    local file = assert(io.open(path))
    local pid = tonumber(file:read("*a"))
    file:close()
    return r, processes.alive(pid), pid
  end

  for name, code in pairs {
    ["nothing is left to wait for"] = "child()",
    ["tl.stop was called"] = "child(); tl.stop(0); tl.sleep(60)",
    ["os.exit was called"] = "child(); os.exit(0)",
  } do
    it("children are ended when " .. name, function()
      local r, alive = play(code)
      assert.same({ "", 0, false }, { r.err, r.code, alive })
    end)
  end

  it("children are ended after an error, also with --on-error=stop", function()
    for _, option in ipairs { "--on-error=log", "--on-error=stop" } do
      os.remove(path)
      local r, alive = play("child(); error 'oops'", option)
      assert.truthy(r.err:find "oops")
      assert.same({ 1, false }, { r.code, alive })
    end
  end)

  it("children are ended by a signal to the program", function()
    local r, alive = play [[
      local ffi = require "ffi"
      ffi.cdef "int kill(int, int); int getpid(void);"
      child()
      ffi.C.kill(ffi.C.getpid(), 15)
      tl.sleep(60)]]
    assert.same({ 143, false }, { r.code, alive })
  end)

  it("children that ignore TERM get KILL", function()
    local r, alive = play "child({}, \"trap '' TERM; \")"
    assert.same({ "", 0, false }, { r.err, r.code, alive })
  end)

  it("children that are detached go on", function()
    local r, alive, pid = play "child { detached = true }"
    assert.same({ "", 0, true }, { r.err, r.code, alive })
    support.shell("kill " .. pid)
  end)

  it("stop handlers may wait for them", function()
    for _, ending in ipairs { "error 'oops'", "tl.stop()" } do
      os.remove(path)
      local r, alive = play([[
        local p = tl.exec { "sleep", "60" }
        tl.on("stop", function() p:stop(); print(p:wait().signal) end)
        child()
      ]] .. ending, "--on-error=stop")
      assert.equal("SIGTERM\n", r.out)
      assert.is_false(alive)
    end
  end)

  it("of a plain luajit they are ended, too", function()
    os.remove(path)
    local r = support.shell(([[LD_PRELOAD=$SANITIZER_PRELOAD luajit -e '
      local tl = require "timerlua"
      tl.exec { "sh", "-c", "echo $$ >%s; exec sleep 60" }
      while not io.open(%q) or io.open(%q):seek("end") == 0 do tl.sleep(0.001) end']])
      :format(path, path, path), { timeout = 20 })
    assert.same({ "", 0 }, { r.err, r.code })
    assert.is_false(processes.alive(processes.pid_in(path)))
  end)
end)
