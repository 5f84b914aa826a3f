-- The modules for child processes, signals, standard streams, files and descriptors
-- inside other programs: operations that a host forbids, the state after tl_free, and
-- that tl_fd reports work of all of them.
local hosts = require "tests.support.hosts"
local support = require "tests.support"

local SIGNALS = 64 -- TL_SIGNALS

local folder, modules

setup(function()
  folder = hosts.make_folder()
  modules = hosts.build(folder, "modules")
end)

teardown(function() hosts.remove(folder) end)

local function run(options, code, redirect)
  local script = support.write(folder .. "/script.lua",
    'local tl = require "timerlua" ' .. code)
  return support.shell(("FOLDER=%s %s %s %s %s"):format(folder, modules, options, script,
    redirect or ""), { timeout = 60 })
end

-- The script's output, and no complaint of the host: the process is as before.
local function says(expected, options, code, redirect)
  local r = run(options, code, redirect)
  assert.equal(expected, (r.err:gsub(folder .. "/", "")))
  assert.equal(0, r.code)
  return r
end

-- ---------------------------------------------------------------------------

describe("a script that may not", function()
  local host

  setup(function() host = hosts.build(folder, "host") end)

  local TRY = [[
    local tl = require "timerlua"
    local function try(fn, ...)
      local ok, message = pcall(fn, ...)
      print(ok, (tostring(message):gsub("^.*%.lua:%d+: ", "")))
    end
  ]]

  -- Every call is refused in these words.
  local function refused(flags, what, calls)
    local script = { TRY }
    local expected = {}
    for _, call in ipairs(calls) do
      script[#script + 1] = ("try(function() return %s end)"):format(call[2])
      expected[#expected + 1] = ("log: false\t%s: this program does not allow scripts to %s")
        :format(call[1], what)
    end
    local path = support.write(folder .. "/script.lua", table.concat(script, "\n"))
    local r = support.shell(("%s flags=%d %s"):format(host, flags, path))
    assert.equal("", r.err)
    expected[#expected + 1] = "stepped 2, status 0, errors 0"
    expected[#expected + 1] = "free: 0\n"
    assert.equal(table.concat(expected, "\n"), r.out)
  end

  it("start programs gets an error from every function that would", function()
    refused(8 + SIGNALS, "start others", {
      { "timerlua.exec", "tl.exec { 'true' }" },
      { "timerlua.run", "tl.run { 'true' }" },
      { "timerlua.exec", "require 'timerlua.system.exec'.exec { 'true' }" },
      { "timerlua.start", "require 'timerlua.system.exec'.start('x', { 'true' }, {})" },
      { "timerlua.run", "require 'timerlua.system.collect'.run { 'true' }" },
      { "timerlua.process.adopt", "require 'timerlua.system.process'.adopt({ pid = 1 })" },
      { "os.execute", "os.execute 'true'" },
      { "io.popen", "io.popen 'true'" },
      { "io.popen", "(tl.signal('USR1', print):cancel() and io).popen 'true'" },
      { "os.execute", "(tl.signal('USR1', print):cancel() and os).execute 'true'" },
    })
  end)

  it("use files gets an error from every function that would", function()
    refused(4, "use files", {
      { "io.open", "io.open '/etc/passwd'" }, { "io.lines", "io.lines '/etc/passwd'" },
      { "io.popen", "io.popen 'true'" }, { "io.stdout", "io.stdout:write 'x'" },
      { "io.write", "io.write 'x'" }, { "os.remove", "os.remove 'x'" },
      { "os.rename", "os.rename('x', 'y')" }, { "os.tmpname", "os.tmpname()" },
      { "loadfile", "loadfile 'x'" }, { "dofile", "dofile 'x'" },
      { "package.loadlib", "package.loadlib('x', 'y')" },
      { "timerlua.on_file", "tl.on_file('/tmp', print)" },
      { "timerlua.on_file", "require 'timerlua.system.file_watch'.on_file('/tmp', print)" },
      { "require 'timerlua.system.file_events'", "require 'timerlua.system.file_events'" },
      { "timerlua.stdin", "tl.stdin:receive()" }, { "timerlua.stdout", "tl.stdout:send 'x'" },
      { "timerlua.stderr", "tl.stderr" },
      { "timerlua.standard.get", "require 'timerlua.system.standard'.get({}, 'stdout')" },
    })
  end)

  it("reach the host's memory gets an error from every function that would", function()
    refused(1, "reach its memory", {
      { "require 'ffi'", "require 'ffi'" },
      { "require 'timerlua.core.ffi'", "require 'timerlua.core.ffi'" },
      { "require 'timerlua.core'", "require 'timerlua.core'" },
      { "require 'jit.util'", "require 'jit.util'" },
      { "debug.getupvalue", "debug.getupvalue(print, 1)" },
      { "debug.getregistry", "debug.getregistry()" }, { "string.dump", "string.dump(print)" },
      { "package.loadlib", "package.loadlib('x', 'y')" }, { "jit.attach", "jit.attach()" },
    })
  end)

  it("do one of these can do all the rest", function()
    local path = support.write(folder .. "/script.lua", TRY .. [[
      local timerfd, select = require "timerlua.timerfd", require "timerlua.select"
      local signals = tl.signal("USR1", print):unref()
      tl.after(0, setmetatable({}, { __call = function() print "called" end }))
      local timer = timerfd.create(timerfd.CLOCK_MONOTONIC)
      timer:settime { initial = 0.001 }
      print(timer:read(), io.type(1), #select.select({}, {}, {}, 0))
      assert(tl.watch(timer, "r", print)):cancel() -- asks for the object's metatable
      local one, two = tl.socketpair()
      one:send "x" print(two:receive(1))
      try(tl.watch, "no file", "r", print)]])
    for flags = SIGNALS, SIGNALS + 15 do
      local r = support.shell(("%s flags=%d %s"):format(host, flags, path))
      assert.same({ "log: called\nlog: 1\tnil\t0\nlog: x\nlog: false\ttimerlua.watch: fd must be a "
        .. 'descriptor, an io file or have fileno(), got "no file"\n'
        .. "stepped 2, status 0, errors 0\nfree: 0\n", "" }, { r.out, r.err }, "flags " .. flags)
    end
  end)

  it("be the program cannot require the program's modules", function()
    says("false\tfalse\n", "", [[print((pcall(require, "timerlua.app.program")),
      (pcall(require, "timerlua.app.output")))]])
  end)
end)

-- ---------------------------------------------------------------------------

describe("the host's limit of descriptors", function()
  it("applies to every kind that the loop waits for", function()
    says(("ELIMIT\n"):rep(6) .. "true\n", "descriptors=2", [[
      local select, socket = require "timerlua.select", require "timerlua.socket"
      local one, two = tl.pipe()
      print((_G.select(3, tl.pipe())))
      print((_G.select(3, tl.exec { "touch", os.getenv("FOLDER") .. "/started" })))
      print((_G.select(3, tl.signal("USR1", print))))
      print((_G.select(3, tl.on_file("/nowhere", print))))
      local plain = socket.socketpair()
      print((_G.select(3, plain:recv(1))))
      local ep = select.epoll()
      print((_G.select(3, ep:poll(0.001))))
      print(io.open(os.getenv("FOLDER") .. "/started") == nil)
      one:close() two:close()]])
  end)

  it("counts a process with its pipes, and no process starts when they do not fit", function()
    says("ELIMIT\nELIMIT\n0\n", "descriptors=3", [[
      local argv = { "sh", "-c", "echo x >" .. os.getenv("FOLDER") .. "/started" }
      local one, two = tl.pipe() -- both kept: of garbage it is not known when it is closed
      print((select(3, tl.exec(argv, { stdin = "pipe", stdout = "pipe" }))))
      print((select(3, tl.exec(argv, { stdin = "pipe" }))))
      assert(not io.open(os.getenv("FOLDER") .. "/started"))
      one:close() two:close()
      print(tl.exec({ "cat" }, { stdin = "null", stdout = "pipe" }):wait().code)
      os.exit(0)]])
  end)
end)

describe("the host's limit of timers", function()
  it("applies to a child's timeout", function()
    says("ELIMIT\n", "timers=1", [[
      tl.after(0.001, function() end)
      print((select(3, tl.exec({ "sleep", "100" }, { timeout = 10 }))))]])
  end)

  it("is told to the callers of debounced functions, and reported without a caller", function()
    says(table.concat({
      "run\t1", "true",
      "error: error in timer (script.lua:2): throttle: after timer: as many are in use as the "
        .. "host allows",
      "true", "false",
      "nil\tthrottle: after timer: as many are in use as the host allows\tELIMIT", "false\n",
    }, "\n"), "timers=1", [[
      local paced
      paced = tl.throttle(1, function(x)
        print("run", x)
        if x ~= 1 then return end
        print(paced(2)) -- waits until this run is over
        tl.after(0.001, function() end)
      end)
      print(paced(1))
      print(paced.pending)
      print(paced(3))
      print(paced.pending)]])
  end)
end)

-- ---------------------------------------------------------------------------

describe("tl_free", function()
  it("ends the children that are left, and reaps them", function()
    says("", "steps=1", [[
      for _ = 1, 3 do assert(tl.exec({ "sleep", "100" })) end
      assert(tl.exec({ "true" }, { detached = true, on_exit = function() end }))
      assert(tl.exec({ "sh", "-c", "trap '' TERM; while :; do sleep 0.05; done" },
        { kill_after = 60 }))
      tl.sleep(0.05) tl.sleep(10)]])
  end)

  it("lets a detached child run on, and closes its descriptors here", function()
    -- a child of the host's from then on
    says("a child is left\n", "steps=1", [[
      assert(tl.exec({ "sleep", "1" }, { detached = true })) tl.sleep(0.01) tl.sleep(10)]])
  end)

  it("also after os.exit with children, and within a callback of theirs", function()
    says("exit\n", "", [[
      tl.exec({ "sleep", "100" })
      tl.exec({ "false" }, { on_exit = function() print "exit" os.exit(3) end })]])
  end)

  it("restores mask and handlers, also of signals that were lent to programs", function()
    for steps = 1, 4 do
      says("", "steps=" .. steps, [[
        local ffi = require "ffi"
        ffi.cdef "int kill(int, int); int getpid(void);"
        tl.signal({ "TERM", "USR1", "CHLD", "HUP" }, function() tl.sleep(10) end)
        tl.signal("RTMIN+1", function() end)
        io.popen("true"):close()
        os.execute("true")
        for _, number in ipairs { 15, 10, 1 } do ffi.C.kill(ffi.C.getpid(), number) end
        tl.every(0.001, function() end)]])
    end
  end)

  it("closes what watches files and what was opened by hand", function()
    says("", "steps=3", [[
      local select, socket = require "timerlua.select", require "timerlua.socket"
      local timerfd = require "timerlua.timerfd"
      tl.on_file(os.getenv("FOLDER") .. "/x", print)
      a, b = socket.socketpair()
      timer = timerfd.create(timerfd.CLOCK_MONOTONIC)
      ep, kq, dp = select.epoll(), select.kqueue(), select.devpoll()
      ep:register(a, select.EPOLLIN) dp:register(b, select.POLLIN)
      kq:control({ select.kevent { ident = 10, filter = select.KQ_FILTER_SIGNAL },
        select.kevent { ident = 1, filter = select.KQ_FILTER_TIMER, data = 100000 } }, 0)
      for _, fn in ipairs { function() ep:poll() end, function() dp:poll() end,
        function() kq:control(nil, 1) end, function() timer:read() end,
        function() a:recv(1) end, function() tl.stdin:receive(1) end,
        function() tl.resolve "localhost" end } do tl.spawn(fn) end
      tl.every(0.001, function() end)]], "<" .. modules)
  end)

  it("sends the output that the kernel takes, and waits for no reader", function()
    local r = run("steps=2", [[
      tl.stderr:send "told\n"
      tl.stdout:send(("x"):rep(1e6))
      tl.sleep(0.01) tl.sleep(10)]], "| (sleep 1; wc -c)")
    assert.equal("told\n", r.err)
    local count = tonumber(r.out)
    assert.is_true(count >= 4096 and count < 1e6, r.out)
  end)

  it("sends all of the output where there is room", function()
    local path = folder .. "/out"
    for _, into in ipairs { ">" .. path, "| cat >" .. path } do
      says("", "steps=1", [[tl.stdout:send(("x"):rep(20000)) tl.sleep(10)]], into)
      assert.equal(20000, #support.read(path))
    end
  end)
end)

-- ---------------------------------------------------------------------------

describe("the host's standard streams", function()
  it("stay open whatever a script closes", function()
    says(([[
false	timerlua.timerfd.close: descriptors 0 to 2 are the host program's own, got 1
false	timerlua.select.epoll.fromfd: descriptors 0 to 2 are the host program's own, got 2
false	timerlua.connect: descriptors 0 to 2 are the host program's own, got 0
false	timerlua.udp: descriptors 0 to 2 are the host program's own, got 0
1	EBADF
]]), "", [[
      local function try(fn, ...)
        local ok, message = pcall(fn, ...)
        print(ok, (tostring(message):gsub("^.*%.lua:%d+: ", "")))
      end
      try(require "timerlua.timerfd".close, 1)
      try(require "timerlua.select".epoll.fromfd, 2)
      try(tl.connect, "fd:0")
      try(tl.udp, "fd:0")
      for _, name in ipairs { "stdin", "stdout", "stderr" } do
        tl[name]:close()
        io[name]:close()
      end
      print((io.write "") and 1, (select(4, tl.stdout:send "x")))]], "</dev/null")
  end)

  it("report a write by the script without a reader, without a signal", function()
    says("EPIPE\nEPIPE\n", "", [[
      local cat = tl.exec({ "sh", "-c", "exec <&-; sleep 100" }, { stdin = "pipe" })
      tl.sleep(0.05)
      local function code(conn)
        local ok, code
        repeat ok, _, _, code = conn:send "x" if ok then ok, _, code = conn:flush() end until not ok
        return code
      end
      print(code(cat.stdin))
      local reader, writer = tl.pipe()
      reader:close()
      print(code(writer))
      os.exit(0)]])
  end)
end)

-- ---------------------------------------------------------------------------

describe("a forked child of a host", function()
  it("is refused by the modules, and leaves the parent's children and watches alone", function()
    says([[
ECHILD
ECHILD
ECHILD
ECHILD
false
EBADF
ECHILD
]] .. "false\tscript.lua:20: timerlua.stdout: called in a process forked from the one that the "
  .. "loop belongs to\n" .. [[
parent	create
parent	true
]], "fork=1", [[
      local select = require "timerlua.select"
      local p = assert(tl.exec({ "cat" }, { stdin = "pipe", stdout = "pipe" }))
      local folder = os.getenv("FOLDER")
      local watch = assert(tl.on_file(folder .. "/made", function(w, what)
        print("parent", what)
        w:cancel()
        p.stdin:send "x"
        print("parent", p.stdout:receive(1) == "x" and p.status == nil)
        p.stdin:close()
      end))
      local kq = select.kqueue()
      function child()
        print((_G.select(3, tl.exec { "true" })))
        print((_G.select(3, tl.run { "true" })))
        print((_G.select(3, tl.signal("USR1", print))))
        print((_G.select(3, tl.on_file(folder, print))))
        print((pcall(kq.control, kq, nil, 1, 0)))
        print((_G.select(4, p.stdin:send "x")))
        print((_G.select(3, tl.pipe())))
        print(pcall(function() return tl.stdout end))
        watch:cancel()
      end
      tl.spawn(function() io.open(folder .. "/made", "w"):close() end)]])
  end)
end)

describe("waiting by hand where nothing can wait", function()
  it("raises instead of blocking the host", function()
    local WHERE = "called inside a C function (such as table.sort, string.gsub or require), "
      .. "which cannot wait\n"
    says("timerlua.timerfd.read: " .. WHERE .. "timerlua.select.epoll:poll: " .. WHERE
      .. "timerlua.select.kqueue:control: " .. WHERE .. "timerlua.select.select: " .. WHERE
      .. "timerlua.socket:recv: " .. WHERE .. "0\t0\n", "", [[
      local select, socket = require "timerlua.select", require "timerlua.socket"
      local timerfd = require "timerlua.timerfd"
      local timer, plain = timerfd.create(timerfd.CLOCK_MONOTONIC), socket.socketpair()
      local ep, kq = select.epoll(), select.kqueue()
      local function inside(fn)
        local ok, message = pcall(string.gsub, "x", "x", fn)
        print((tostring(message):gsub("^.*%.lua:%d+: ", "")))
      end
      inside(function() timer:read() end)
      inside(function() ep:poll() end)
      inside(function() kq:control(nil, 1) end)
      inside(function() select.select({ plain }, {}, {}) end)
      inside(function() plain:recv(1) end)
      string.gsub("x", "x", function() print(#ep:poll(0), #select.select({ plain }, {}, {}, 0)) end)
    ]])
  end)
end)

-- ---------------------------------------------------------------------------

describe("all modules in a host that only waits on tl_fd", function()
  local input

  setup(function() input = support.write(folder .. "/input", ("0123456789"):rep(1000)) end)

  local function work(before, options)
    support.shell(("rm -rf %s/files; mkdir %s/files"):format(folder, folder))
    return support.shell(("FOLDER=%s/files %s %s %s tests/embed/modules.lua <%s >%s/out"):format(
      folder, before, modules, options, input, folder), { timeout = 100 })
  end

  it("go on without a stall, and without a wake-up for nothing", function()
    for _, seed in ipairs(support.seeds(3)) do
      for _, acts in ipairs { 0, 200 } do
        local r = work("", ("seed=%d acts=%d"):format(seed, acts))
        assert.same({ "750\n", 0 }, { r.err, r.code }, "TEST_SEED=" .. seed)
      end
    end
  end)

  it("leave nothing behind, whenever they are freed", function()
    for steps = 1, 40, 3 do
      local r = work("", ("seed=%d acts=50 steps=%d"):format(steps, steps))
      assert.same({ "", 0 }, { r.err, r.code }, "seed and steps " .. steps)
    end
  end)

  if not support.sanitized then
    it("leave no memory behind", function()
      for _, steps in ipairs { 1, 20, 300 } do
        local r = work("valgrind -q --error-exitcode=9 --leak-check=full "
          .. "--errors-for-leak-kinds=definite,indirect,possible", "acts=10 steps=" .. steps)
        -- it does not know pidfd_send_signal(2), and reports that
        assert.same({ "", 0 }, { (r.err:gsub("%-%-%d+%-%- [^\n]*\n", "")), r.code })
      end
    end)
  end
end)
