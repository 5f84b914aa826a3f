-- Features of a daemon: messages to the service manager, reading the settings again,
-- one process at a time. The manager here is a socket of ours.
local ffi = require "ffi"
local server = require "tests.support.server"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

ffi.cdef "int kill(int, int); int getpid(void);"
ffi.cdef "int setenv(const char *, const char *, int); int unsetenv(const char *);"

local quote = support.quote

-- The messages that the manager received, one text for each datagram.
local manager

local function open_manager(address)
  manager = { told = {} }
  manager.socket = assert(tl.udp(address or "unix:", function(_, text)
    manager.told[#manager.told + 1] = text
  end))
  manager.name = manager.socket:sock():gsub("^unix:", "")
  return manager.name
end

local function close_manager()
  if manager then manager.socket:close() end
  manager = nil
end

local function await_told(count)
  server.await(count .. " notifications", function() return #manager.told >= count end)
  return manager.told[count]
end

local function await_stopping()
  server.await("STOPPING", function() return manager.told[#manager.told] == "STOPPING=1" end)
end

local running -- a server.command of a test

local function start(environment, words)
  running = server.command(("env %s %s %s"):format(environment, support.program, words))
  return running
end

local function in_manager(fn, address)
  return function()
    sockets.run(function()
      open_manager(address)
      local ok, err = pcall(fn)
      if running then running:stop("KILL") end
      running = nil
      close_manager()
      if not ok then error(err, 0) end
    end, server.patience * 3)
  end
end

local function ended()
  local r = running:ended()
  running = nil
  return r
end

local function kill(name)
  assert.equal(0, os.execute(("kill -%s %d"):format(name, running.pid)))
end

local function with_socket(name, fn)
  ffi.C.setenv("NOTIFY_SOCKET", name, 1)
  local ok, err = pcall(fn)
  ffi.C.unsetenv("NOTIFY_SOCKET")
  if not ok then error(err, 0) end
end

describe("tl.notify", function()
  it("sends nothing, and returns false, without a NOTIFY_SOCKET", function()
    assert.is_false(tl.notify("ready"))
    with_socket("", function() assert.is_false(tl.notify { status = "x" }) end)
  end)

  it("sends each word as sd_notify(3) writes it", in_manager(function()
    local function told(what)
      assert.is_true(tl.notify(what))
      local text = await_told(1)
      manager.told = {}
      return text
    end
    with_socket(manager.name, function()
      assert.equal("STOPPING=1", told "stopping")
      assert.equal("WATCHDOG=1", told "watchdog")
      assert.equal("WATCHDOG=trigger", told { watchdog = "trigger" })
      assert.equal("STATUS=half done, 50 %", told { status = "half done, 50 %" })
      assert.equal("ERRNO=2", told { errno = 2 })
      assert.equal("MAINPID=4711", told { mainpid = 4711 })
      assert.equal("EXTEND_TIMEOUT_USEC=1500000", told { extend_timeout = 1.5 })
      assert.equal("EXTEND_TIMEOUT_USEC=60000000", told { extend_timeout = "1m" })
      assert.equal("STATUS=done\nERRNO=0", told { errno = 0, status = "done" })
    end)
  end))

  it("sends the monotonic time of a reload, even in virtual time", in_manager(function()
    local function monotonic() -- microseconds; the loop's clock is real here
      return tl.now() * 1e6
    end
    with_socket(manager.name, function()
      local before = monotonic()
      assert.is_true(tl.notify "reloading")
      local us = tonumber(await_told(1):match("^RELOADING=1\nMONOTONIC_USEC=(%d+)$"))
      assert.is_true(math.floor(before) <= us and us <= monotonic())
    end)
    local r = support.run({ "--virtual-time", "-e", [[local tl = require "timerlua"
      tl.sleep("1d") tl.notify("reloading")]] },
      { before = "NOTIFY_SOCKET=" .. quote(manager.name) .. " " })
    assert.equal("", r.err)
    local us = tonumber(await_told(2):match("MONOTONIC_USEC=(%d+)$"))
    assert.is_true(us <= monotonic())
  end))

  it("finds a socket that has a path", function()
    local path = os.tmpname()
    os.remove(path)
    in_manager(function()
      assert.equal(path, manager.name)
      with_socket(path, function() assert.is_true(tl.notify { status = "path" }) end)
      assert.equal("STATUS=path", await_told(1))
    end, "unix:" .. path)()
  end)

  it("returns the system's failures", function()
    local function refused(name, ...)
      local expected = { ... }
      with_socket(name, function()
        local told, message, code = tl.notify { status = "x" }
        assert.is_nil(told)
        assert.same(expected, { message, code })
      end)
    end
    refused("/nowhere/socket", "notify /nowhere/socket: no such file or directory", "ENOENT")
    refused("@nobody", "notify @nobody: connection refused", "ECONNREFUSED")
    refused("vsock:2:1234", "notify vsock:2:1234: address family not supported by protocol",
      "EAFNOSUPPORT")
    refused("/" .. ("x"):rep(200), "notify /" .. ("x"):rep(200) .. ": file name too long",
      "ENAMETOOLONG")
  end)

  it("waits while the manager's queue is full, and loses nothing", in_manager(function()
    manager.socket:pause()
    local name = manager.name
    with_socket(name, function()
      local sent, full = 0, false
      local filler = tl.spawn(function()
        while not full and sent < 10000 do
          tl.after("50ms", function() manager.socket:resume() end)
          assert.is_true(tl.notify { status = tostring(sent) })
          sent = sent + 1
          full = #manager.told > 0
        end
      end)
      filler:join()
      assert.is_true(full)
      assert.equal("STATUS=" .. sent - 1, await_told(sent))
    end)
  end))

  it("gives up after a second, and returns that", in_manager(function()
    manager.socket:pause()
    with_socket(manager.name, function()
      local told, message, code = true, nil, nil
      local sent = 0
      while told and sent < 10000 do
        told, message, code = tl.notify { status = "x" }
        sent = sent + 1
      end
      assert.is_nil(told)
      assert.equal("EAGAIN", code)
      assert.truthy(message:find("^notify @?.*: resource temporarily unavailable$"), message)
    end)
    manager.socket:resume()
  end))

  it("refuses undocumented messages, at the caller's line", function()
    local words = "ready, reloading, stopping, status, errno, mainpid, extend_timeout, watchdog"
    for what, message in pairs {
      [{ redy = true }] = "a word must be one of " .. words .. ', got "redy"',
      [{ true }] = "a word must be one of " .. words .. ", got 1",
      [{ ready = 1 }] = "ready must be true, got 1",
      [{ status = "two\nlines" }] = 'status must be a text of one line, got "two\\\nlines"',
      [{ status = 5 }] = "status must be a text of one line, got 5",
      [{ errno = -1 }] = "errno must be a whole number from 0 to 4095, got -1",
      [{ mainpid = 1.5 }] = "mainpid must be a whole number from 0 to 2147483647, got 1.5",
      [{ watchdog = "triger" }] = 'watchdog must be true, false or "trigger", got "triger"',
      [{ extend_timeout = -1 }] = "extend_timeout must be a number >= 0, got -1",
    } do
      assert.equal("HERE: timerlua.notify: " .. message,
        support.raised(function() tl.notify(what) end))
    end
    assert.equal("HERE: timerlua.notify: a word must be one of " .. words .. ', got "steady"',
      support.raised(function() tl.notify "steady" end))
    assert.equal("HERE: timerlua.notify: what must be a word or a table, got nil",
      support.raised(function() tl.notify() end))
  end)
end)

describe("the watchdog", function()
  local function environment(more)
    return ("NOTIFY_SOCKET=%s WATCHDOG_USEC=40000 %s"):format(quote(manager.name), more or "")
  end

  local function pings()
    local count = 0
    for _, text in ipairs(manager.told) do
      if text == "WATCHDOG=1" then count = count + 1 end
    end
    return count
  end

  it("gets two pings in each period, from ready on, by the loop", in_manager(function()
    start(environment(), "-e " .. quote [[local tl = require "timerlua"
      tl.sleep(0.1)
      tl.notify "ready"
      tl.sleep(60)]])
    assert.equal("READY=1", await_told(1))
    local begun = tl.now()
    server.await("10 pings", function() return pings() >= 10 end)
    assert.is_true(tl.now() - begun >= 0.18)
    kill "TERM"
    assert.equal(143, ended().code)
    await_stopping()
  end))

  it("gets no pings while the loop is stuck", in_manager(function()
    start(environment(), "-e " .. quote [[local tl = require "timerlua"
      local ffi = require "ffi"
      ffi.cdef "int usleep(unsigned);"
      tl.notify "ready"
      tl.sleep(0.1)
      tl.notify { status = "stuck" }
      for _ = 1, 10 do ffi.C.usleep(40000) end
      tl.notify { status = "going on" }]])
    assert.equal(0, ended().code)
    sockets.turns(20)
    local between, inside = 0, false
    for _, text in ipairs(manager.told) do
      if text == "STATUS=going on" then inside = false end
      if inside then between = between + 1 end
      if text == "STATUS=stuck" then inside = true end
    end
    assert.equal(0, between)
    assert.is_true(pings() >= 1)
  end))

  it("gets no pings by a loop that was not asked, or not this one", in_manager(function()
    local script = "-e " .. quote [[local tl = require "timerlua"
      tl.notify { ready = true, watchdog = WATCHDOG }
      tl.sleep(0.1)
      tl.notify "ready" -- as after a reload
      tl.sleep(0.1)
      tl.notify { status = "over" }]]
    start(environment("WATCHDOG_PID=1"), script)
    assert.equal(0, ended().code)
    start(environment(), "-e 'WATCHDOG = false' " .. script)
    assert.equal(0, ended().code)
    start(environment("WATCHDOG_USEC=0"), script)
    assert.equal(0, ended().code)
    start(environment("WATCHDOG_USEC=x"), script)
    assert.equal(0, ended().code)
    await_told(12)
    assert.equal(0, pings())
  end))

  it("gets pings by the process that it is meant for", in_manager(function()
    local path = support.temporary [[local tl = require "timerlua"
      tl.notify "ready"
      tl.sleep(0.1)]]
    running = server.command(("env %s sh -c 'WATCHDOG_PID=$$ exec %s %s'"):format(environment(),
      support.program, path))
    assert.equal(0, ended().code)
    server.await("a ping", function() return pings() >= 1 end)
    os.remove(path)
  end))

  it("does not keep the loop running", in_manager(function()
    start(environment(), "-e " .. quote 'require("timerlua").notify "ready"')
    assert.equal(0, ended().code)
    assert.equal("READY=1", await_told(1))
  end))
end)

describe("tl.reload", function()
  it("calls the handlers in order, with the reason, and returns after them", function()
    sockets.run(function()
      local order = {}
      local a = tl.on("reload", function(reason)
        tl.sleep(0.001)
        order[#order + 1] = "a " .. tostring(reason)
      end)
      local b = tl.on("reload", function(reason) order[#order + 1] = "b " .. tostring(reason) end)
      tl.reload()
      tl.reload("by hand")
      assert.same({ "a reload", "b reload", "a by hand", "b by hand" }, order)
      local s = tl.signal("USR1", tl.reload)
      ffi.C.kill(ffi.C.getpid(), 10)
      sockets.till(function() return #order == 6 end)
      assert.equal("a SIGUSR1", order[5])
      s:cancel() a:cancel() b:cancel()
    end)
  end)

  it("called while it runs makes it run once more", function()
    sockets.run(function()
      local runs, busy, most = 0, 0, 0
      local a = tl.on("reload", function()
        runs, busy = runs + 1, busy + 1
        most = math.max(most, busy)
        tl.sleep(0.005)
        busy = busy - 1
      end)
      local task = tl.spawn(tl.reload)
      tl.sleep(0)
      for _ = 1, 5 do tl.reload() end
      task:join()
      assert.same({ 2, 1 }, { runs, most })
      a:cancel()
    end)
  end)

  it("reports a handler that fails, and calls the next", in_manager(function()
    start("NOTIFY_SOCKET=" .. quote(manager.name), "-e " .. quote [[local tl = require "timerlua"
      tl.on("reload", function() error("broken", 0) end)
      tl.on("reload", function() print("next") end)
      tl.notify "ready"
      tl.reload()]])
    local r = ended()
    assert.equal("next\n", r.out)
    assert.equal(1, support.count('error in tl.on%("reload"%) handler: broken', r))
    assert.equal(1, r.code)
    assert.equal("READY=1", await_told(1))
    assert.truthy(await_told(2):find("^RELOADING=1\n"))
    assert.equal("READY=1", await_told(3))
  end))
end)

describe("--reload-on", function()
  it("calls the handlers at the signal, and does not keep the loop running", function()
    local r = support.run { "--reload-on=usr1", "-e", [[local tl = require "timerlua"
      local ffi = require "ffi"
      ffi.cdef "int kill(int, int); int getpid(void);"
      tl.on("reload", print)
      ffi.C.kill(ffi.C.getpid(), 10)
      tl.sleep(0.01)]] }
    assert.equal("", r.err)
    assert.equal("SIGUSR1\n", r.out)
    assert.equal(0, r.code)
  end)

  it("refuses values that are not signals, with status 2", function()
    for name, message in pairs {
      HPU = 'timerlua.signal: signal must be the name of a signal, such as "HUP", got "HPU"',
      KILL = "timerlua.signal: signal must be one that can be caught, and SIGKILL cannot: "
        .. 'the kernel does not allow it, got "KILL"',
      [""] = 'timerlua.signal: signal must be the name of a signal, such as "TERM" or "RTMIN+1",'
        .. ' got ""' } do
      local r = support.run { "--reload-on=" .. name, "-e", "print(1)" }
      assert.equal("timerlua: --reload-on: " .. message .. "\ntry 'timerlua --help'\n", r.err)
      assert.equal("", r.out)
      assert.equal(2, r.code)
    end
  end)
end)

describe("--pid-file", function()
  local folder, path

  setup(function()
    folder = support.shell("mktemp -d").out:match("[^\n]+")
    path = folder .. "/daemon.pid"
  end)

  teardown(function() support.shell("rm -rf " .. folder) end)

  after_each(function()
    if running then running:stop("KILL") end
    running = nil
    assert.equal("", support.shell("ls " .. folder).out)
  end)

  local function script(code)
    return ("--pid-file=%s -e %s"):format(quote(path),
      quote('local tl = require "timerlua" ' .. code))
  end

  local function exists() return support.shell("test -e " .. path).code == 0 end

  it("holds the number of the process while the script runs", function()
    start("", script "tl.sleep(60)")
    server.await("pid file", exists)
    assert.equal(running.pid .. "\n", support.read(path))
    assert.equal(143, running:stop("TERM").code)
    running = nil
    assert.is_false(exists())
  end)

  it("is there before the script begins, and gone after every end of it", function()
    for code, status in pairs {
      [ [[print(#io.open(PATH):read("*a") > 1)]] ] = 0,
      [ [[print(true) error("broken")]] ] = 1,
      [ [[print(true) os.exit(3)]] ] = 3,
      [ [[print(true) os.exit(4, true)]] ] = 4,
      [ [[print(true) tl.stop(5)]] ] = 5,
      [ [[print(true) tl.on("stop", function() os.exit(6) end) tl.stop()]] ] = 6,
    } do
      start("", script(("PATH = %q "):format(path) .. code))
      local r = ended()
      assert.equal("true\n", r.out, code .. r.err)
      assert.equal(status, r.code, code)
      assert.is_false(exists(), code)
    end
  end)

  it("that a living process holds ends the next process at once", function()
    start("", script "tl.sleep(60)")
    server.await("pid file", exists)
    local r = support.shell(("%s %s"):format(support.program, script "print('never')"))
    assert.equal(("timerlua: --pid-file: process %d holds %s\n"):format(running.pid, path), r.err)
    assert.equal("", r.out)
    assert.equal(1, r.code)
    assert.equal(running.pid .. "\n", support.read(path))
    assert.equal(143, running:stop("TERM").code)
    running = nil
  end)

  it("that a killed process left is replaced, whatever number is in it", function()
    start("", script "tl.sleep(60)")
    server.await("pid file", exists)
    running:stop("KILL")
    running = nil
    assert.is_true(exists())
    for _, text in ipairs { "", tostring(ffi.C.getpid()), "1\n" } do
      support.write(path, text)
      start("", script(([[print((io.open(%q):read("*a")))]]):format(path)))
      local pid = running.pid
      local r = ended()
      assert.equal("", r.err)
      assert.equal(pid .. "\n\n", r.out)
    end
  end)

  it("lets one of many through that start at once", function()
    support.write(path, "1\n") -- one was left
    local lost = os.tmpname() -- a line for each refused process
    local winner = script(([[print("in")
      local deadline, lines = tl.now() + 20
      repeat
        tl.sleep(0.01)
        lines = 0
        for _ in io.lines(%q) do lines = lines + 1 end
      until lines == 11 or tl.now() > deadline]]):format(lost))
    local r = support.shell(([[i=0; while [ $i -lt 12 ]; do
      (%s %s || echo lost >>%s) & i=$((i+1)); done; wait]]):format(support.program, winner, lost),
      { timeout = 60 })
    os.remove(lost)
    assert.equal("in\n", r.out, r.err)
    -- messages of several processes may be inside each other's lines
    assert.equal(11, support.count("%-%-pid%-file: process %d+ holds ", r))
  end)

  it("is not removed when another process owns it by now, nor by a forked child", function()
    start("", script(([[os.remove(%q)
      local file = io.open(%q, "w") file:write("another's") file:close()]]):format(path, path)))
    assert.equal(0, ended().code)
    assert.equal("another's", support.read(path))
    os.remove(path)
    start("", script(([[
      local ffi = require "ffi"
      ffi.cdef "int fork(void); int waitpid(int, int *, int); void exit(int);"
      local pid = ffi.C.fork()
      if pid == 0 then ffi.C.exit(0) end
      ffi.C.waitpid(pid, nil, 0)
      print(io.open(%q) ~= nil)]]):format(path)))
    local r = ended()
    assert.equal("true\n", r.out, r.err)
  end)

  it("that cannot be written is reported, with the cause", function()
    local r = support.shell(("%s --pid-file=/nowhere/x.pid -e 'print(1)'"):format(support.program))
    assert.equal("timerlua: --pid-file /nowhere/x.pid: no such file or directory\n", r.err)
    assert.equal(1, r.code)
    r = support.shell(("%s --pid-file=%s -e 'print(1)'"):format(support.program, folder))
    assert.truthy(r.err:find("^timerlua: %-%-pid%-file [^\n]+\n$"), r.err)
    assert.equal(1, r.code)
    r = support.shell(("%s --pid-file= -e 'print(1)'"):format(support.program))
    assert.equal("timerlua: --pid-file needs a path\ntry 'timerlua --help'\n", r.err)
    assert.equal(2, r.code)
  end)
end)

describe("scripts/daemon.lua", function()
  it("is ready, reloads at HUP, and stops in good order", in_manager(function()
    local settings = support.temporary('return { period = 0.02, greeting = "hi" }')
    local pid_file = os.tmpname()
    running = server.command(("env NOTIFY_SOCKET=%s WATCHDOG_USEC=1000000 %s --pid-file=%s "
      .. "scripts/daemon.lua %s"):format(quote(manager.name), support.program, pid_file, settings))
    assert.equal("READY=1\nSTATUS=greeting every 0.02 s", await_told(1))
    assert.equal(running.pid .. "\n", support.read(pid_file))
    running:await("hi 2\n")

    support.write(settings, 'return { period = 0.01, greeting = "hello" }')
    kill "HUP"
    server.await("a reload", function()
      return table.concat(manager.told, "\n"):find("RELOADING=1\nMONOTONIC_USEC=%d+\nREADY=1")
    end)
    running:await("period 0.01 s\n")
    running:await("hello %d+\n")

    support.write(settings, "return {") -- a mistake
    local told = #manager.told
    kill "HUP"
    running:await('tl.on%("reload"%) handler')
    server.await("the end of the reload", function() return #manager.told >= told + 2 end)
    local count = tonumber(running:out():match(".*hello (%d+)"))
    running:await("hello " .. count + 3 .. "\n") -- goes on

    kill "TERM"
    local r = ended()
    assert.truthy(r.out:find("stopped by SIGTERM after %d+ greetings\n$"), r.out)
    await_stopping()
    assert.equal(1, r.code) -- the mistake counts
    os.remove(settings)
    assert.is_nil(io.open(pid_file))
  end))

  it("ends by the signal when nothing went wrong", in_manager(function()
    running = server.command(("env NOTIFY_SOCKET=%s %s scripts/daemon.lua")
      :format(quote(manager.name), support.program))
    await_told(1)
    kill "TERM"
    local r = ended()
    assert.equal("period 1 s\nstopped by SIGTERM after 0 greetings\n", r.out)
    assert.equal(143, r.code)
  end))
end)
