-- select.poll: the behavior that Python's own tests require, and the behavior in tasks.
local ffi = require "ffi"
local faults = require "tests.support.faults"
local fds = require "tests.support.descriptors"
local select = require "timerlua.select"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

local IN, OUT, PRI, NVAL, HUP, ERR = select.POLLIN, select.POLLOUT, select.POLLPRI,
  select.POLLNVAL, select.POLLHUP, select.POLLERR
local fails = fds.fails

local function both(name, fn) fds.both(it, name, fn) end

describe("poll's constants", function()
  it("are the kernel's", function()
    local expected = { POLLIN = 1, POLLPRI = 2, POLLOUT = 4, POLLERR = 8, POLLHUP = 16,
      POLLNVAL = 32, POLLRDNORM = 64, POLLRDBAND = 128, POLLWRNORM = 256,
      POLLWRBAND = 512, POLLMSG = 1024, POLLRDHUP = 8192 }
    for name, value in pairs(expected) do assert.equal(value, select[name], name) end
  end)
end)

describe("a poll object", function()
  both("hands messages through many pipes, one at a time", function()
    local p, r2w, w2r, writers = select.poll(), {}, {}, {}
    for i = 1, 12 do
      local r, w = fds.pipe()
      p:register(r)
      p:modify(r, IN)
      p:register(w, OUT)
      r2w[r], w2r[w], writers[i] = w, r, w
    end
    local received = 0
    while #writers > 0 do
      local ready = {}
      for _, pair in ipairs(p:poll()) do
        if pair[2] == OUT then ready[#ready + 1] = pair[1] end
      end
      assert.same(writers, ready) -- in the order of registration
      local w = table.remove(writers, math.random(#writers))
      fds.put(w, " This is a test.")
      local readable
      for _, pair in ipairs(p:poll()) do
        if pair[2] == IN then readable = pair[1] end
      end
      assert.equal(w2r[w], readable)
      assert.equal(16, fds.take(readable))
      received = received + 1
      p:unregister(w)
      p:unregister(readable)
      fds.close(w, readable)
      assert.equal(w, r2w[readable])
    end
    assert.equal(12, received)
    assert.same({}, p:poll(0))
  end)

  both("tells of what is closed, and not of what is unregistered", function()
    local a, b = fds.pair()
    local p = select.poll()
    fds.close(a, b)
    p:register(a)
    p:register(b, 0)
    assert.same({ { a, NVAL }, { b, NVAL } }, p:poll(0))
    assert.same({ { a, NVAL }, { b, NVAL } }, p:poll())
    p:unregister(a)
    assert.same({ { b, NVAL } }, p:poll(1000))
  end)

  both("finds regular files ready", function()
    local p, fd = select.poll(), fds.open("Makefile")
    p:register(fd, IN)
    assert.same({ { fd, IN } }, p:poll())
    p:register(fd, OUT)
    assert.same({ { fd, OUT } }, p:poll())
    p:register(fd)
    assert.same({ { fd, IN + OUT } }, p:poll())
    p:modify(fd, PRI)
    assert.same({}, p:poll(1))
    fds.close(fd)
  end)

  it("takes numbers, files and objects with fileno()", function()
    local r, w = fds.pipe()
    local p, file = select.poll(), assert(io.open("Makefile"))
    local object = { fileno = function() return w end }
    p:register(object, OUT)
    p:register(file, IN)
    p:register(r)
    assert.same({ w, OUT }, p:poll(0)[1])
    assert.equal(IN, p:poll(0)[2][2])
    p:unregister(file)
    p:modify(object, IN)
    assert.same({}, p:poll(0))
    p:unregister(object)
    file:close()
    fds.close(r, w)
  end)

  it("changes a registered descriptor", function()
    local r, w = fds.pipe()
    local p = select.poll()
    p:register(w, IN)
    assert.same({}, p:poll(0))
    p:register(w)
    assert.same({ { w, OUT } }, p:poll(0))
    fds.close(r, w)
  end)

  it("reports that a descriptor to be changed is not registered", function()
    local p = select.poll()
    fails("ENOENT", "poll.modify fd 1972: no such file or directory", p:modify(1972, IN))
    assert.equal("HERE: timerlua.select.poll:unregister: fd must be registered, got 1972",
      support.raised(function() p:unregister(1972) end))
    p:register(1972)
    assert.is_true(p:modify(1972, OUT))
    p:unregister(1972)
    assert.truthy(support.raised(function() p:unregister(1972) end))
  end)

  it("refuses invalid descriptors, masks and timeouts", function()
    local p = select.poll()
    for _, fd in ipairs { -1, 1.5, "x", {}, 2 ^ 31 } do
      assert.truthy(support.raised(function() p:register(fd, IN) end):find(
        "HERE: timerlua.select.poll:register: fd must be a descriptor", 1, true))
      assert.truthy(support.raised(function() p:unregister(fd) end):find(
        "HERE: timerlua.select.poll:unregister: fd must be a descriptor", 1, true))
    end
    for _, mask in ipairs { -1, 65536, 1.5, 0 / 0, "1" } do
      assert.truthy(support.raised(function() p:register(0, mask) end):find(
        "HERE: timerlua.select.poll:register: mask must be made of POLL constants, 0 to 65535, "
        .. "got", 1, true))
      assert.truthy(support.raised(function() p:modify(0, mask) end):find(
        "select.poll:modify: mask must be", 1, true))
    end
    assert.truthy(support.raised(function() p:modify(0) end):find("mask must be", 1, true))
    for _, timeout in ipairs { 0 / 0, math.huge, 1e300, "soon", "5", {} } do
      assert.truthy(support.raised(function() p:poll(timeout) end):find(
        "HERE: timerlua.select.poll:poll: timeout must be", 1, true))
    end
    for timeout, rule in pairs { [1e300] = "milliseconds, 0 to 9223372036000",
      soon = "a number of milliseconds or a text", [p] = "a number of milliseconds, a text" } do
      assert.truthy(support.raised(function() p:poll(timeout) end):find(
        "timeout must be " .. rule, 1, true))
    end
    assert.truthy(support.raised(function() p.poll() end):find("as p:poll()", 1, true))
    p:register(0, 65535)
  end)

  it("reports errors and hang-ups although they were not requested, but no more", function()
    local r, w = fds.pipe()
    local r2, w2 = fds.pipe()
    local p = select.poll()
    p:register(r, 0)
    p:register(w2, 0)
    assert.same({}, p:poll(0))
    fds.close(w, r2)
    assert.same({ { r, HUP }, { w2, ERR } }, p:poll(0))
    local a, b = fds.pair()
    p:register(a, select.POLLRDHUP)
    fds.shutdown(b, 1)
    assert.same({ a, select.POLLRDHUP }, p:poll(0)[3])
    fds.close(r, w2, a, b)
  end)

  it("keeps the order of registration through many changes", function()
    for _, seed in ipairs(support.seeds(3)) do
      math.randomseed(seed)
      local p, order, r, w = select.poll(), {}, fds.pipe()
      for _ = 1, 2000 do
        local fd = math.random(3000, 3060)
        local at
        for i, one in ipairs(order) do if one == fd then at = i end end
        if at and math.random(2) == 1 then
          p:unregister(fd)
          table.remove(order, at)
        else
          p:register(fd, math.random(2) == 1 and IN or OUT)
          if not at then order[#order + 1] = fd end
        end
      end
      local told = {}
      for i, pair in ipairs(p:poll(0)) do told[i] = pair[1] end
      assert.same(order, told, "TEST_SEED=" .. seed)
      fds.close(r, w)
    end
  end)
end)

describe("poll's poll", function()
  both("is over when its time is, in whole milliseconds rounded up", function()
    local p = select.poll()
    local r, w = fds.pipe()
    for _ = 1, 2 do
      for timeout, least in pairs { [0.1] = 0.001, [2] = 0.002, ["3ms"] = 0.003, [1.5] = 0.002 } do
        local start = tl.now()
        assert.same({}, p:poll(timeout))
        assert.is_true(tl.now() - start >= least)
      end
      p:register(r)
    end
    local start = tl.now()
    assert.same({}, p:poll(2000000LL))
    assert.is_true(tl.now() - start >= 0.002)
    fds.close(r, w)
  end)

  it("lets other tasks run while it waits, and without end for negative times", function()
    for _, timeout in ipairs { 5000, -1000, -1, -0.1, false } do
      sockets.run(function()
        local r, w = fds.pipe()
        local p, ticks = select.poll(), 0
        p:register(r)
        local ticking = tl.every(0.0005, function()
          ticks = ticks + 1
          if ticks == 3 then fds.put(w) end
        end)
        assert.same({ { r, IN } }, p:poll(timeout or nil))
        assert.is_true(ticks >= 3)
        ticking:cancel()
        fds.close(r, w)
      end)
    end
  end)

  it("waits in virtual time", function()
    support.assert_says({ "0 0.25", "0 0.5", "0 3600.5" }, [[
      local select = require "timerlua.select"
      local p = select.poll()
      say(#p:poll(250), clock())
      local child = io.popen("sleep 5")
      p:register(child)
      say(#p:poll(250), clock())
      say(#p:poll("1h"), clock())
      os.exit(0)
    ]])
  end)

  it("is ended by a limit and by cancelling, and keeps no descriptor", function()
    sockets.run(function()
      local r, w = fds.pipe()
      local p = select.poll()
      p:register(r)
      local before = support.count_fds()
      local _, err = tl.timeout(0.001, p.poll, p)
      assert.equal("timeout", err)
      local task = tl.spawn(function() p:poll() end)
      tl.sleep(0)
      task:cancel()
      local _, _, code = task:join()
      assert.equal("ECANCELED", code)
      assert.equal(before, support.count_fds())
      fds.close(r, w)
    end)
  end)

  it("serves tasks that poll one object; changes count from the next poll", function()
    sockets.run(function()
      local r, w = fds.pipe()
      local r2, w2 = fds.pipe()
      local p, told = select.poll(), 0
      p:register(r)
      local function polls()
        assert.same({ { r, IN } }, p:poll(5000))
        told = told + 1
      end
      local tasks = { tl.spawn(polls), tl.spawn(polls) }
      tl.sleep(0)
      tl.sleep(0)
      p:unregister(r)
      p:register(w2)
      fds.put(w)
      for _, task in ipairs(tasks) do task:join() end
      assert.equal(2, told)
      assert.same({ { w2, OUT } }, p:poll())
      fds.close(r, w, r2, w2)
    end)
  end)

  it("does not starve others when it always finds something", function()
    sockets.run(function()
      local r, w = fds.pipe()
      local p, timer, task = select.poll(), false, false
      p:register(w)
      tl.after(0.001, function() timer = true end)
      tl.spawn(function() task = true end)
      local rounds = 0
      while not (timer and task) do
        assert.equal(1, #p:poll())
        rounds = rounds + 1
        assert.is_true(rounds < 1e6)
      end
      fds.close(r, w)
    end)
  end)

  it("reports that it has nothing to wait for", function()
    local r = support.run([[require("timerlua.select").poll():poll()]])
    assert.truthy(r.err:find("nothing is left that could wake it", 1, true), r.err)
  end)

  it("goes beyond descriptor 1024", function()
    local r, w = fds.pipe()
    assert(ffi.C.dup2(w, 1500) == 1500)
    local p = select.poll()
    p:register(1500)
    assert.same({ { 1500, OUT } }, p:poll())
    fds.close(r, w, 1500)
  end)
end)

describe("poll with failing calls", function()
  setup(faults.setup)
  teardown(faults.teardown)

  local SCRIPT = [[
    local select = require "timerlua.select"
    local child = io.popen("sleep 0.02; echo")
    local p = select.poll()
    p:register(child)
    local list, message, code = p:poll()
    print(list and #list or message, code)
    child:close()
  ]]

  local function out(call, n, code, options)
    local r = faults.run(SCRIPT, call, n, code, options)
    assert.equal("", r.err)
    return r.out, r.calls
  end

  it("reports why it could not poll or wait", function()
    assert.equal("poll: invalid argument\tEINVAL\n", (out("ppoll", 1, "EINVAL")))
    assert.equal("poll: cannot allocate memory\tENOMEM\n", (out("ppoll", 2, "ENOMEM")))
    assert.equal("poll: too many open files\tEMFILE\n", (out("epoll_create1", 2, "EMFILE")))
    local _, calls = out("epoll_ctl", 0, "ENOSPC")
    local told = 0
    for n = 1, calls do
      local r = faults.run(SCRIPT, "epoll_ctl", n, "ENOSPC")
      if r.out == "poll: no space left on device\tENOSPC\n" then told = told + 1 end
    end
    assert.equal(2, told) -- the pipe into the set, the set into the loop's
  end)

  it("goes on after signals", function()
    for _, storm in ipairs { 1, 3 } do
      assert.equal("1\tnil\n", (out("none", 0, "EINTR", { storm = storm })))
    end
  end)

  it("asks again when a descriptor was closed behind its back", function()
    local r = faults.run([[
      local select = require "timerlua.select"
      local child = io.popen("sleep 0.02; echo")
      local p = select.poll()
      p:register(child)
      print(#p:poll(50) <= 1)
    ]], "epoll_ctl", 3, "EBADF")
    assert.equal("", r.err)
    assert.equal("true\n", r.out)
  end)
end)

describe("poll outside any task", function()
  it("waits the rest of its time after signals", function()
    local r = support.shell(([[LD_PRELOAD="$SANITIZER_PRELOAD" luajit -e %s & pid=$!
      for i in 1 2 3 4 5; do sleep 0.02; kill -STOP $pid; kill -CONT $pid; done; wait $pid]])
      :format(support.quote [[
        local tl, select = require "timerlua", require "timerlua.select"
        local p, start = select.poll(), tl.now()
        print(#p:poll(250), tl.now() - start >= 0.25, tl.now() - start < 2)
      ]]))
    assert.equal("", r.err)
    assert.equal("0\ttrue\ttrue\n", r.out)
  end)
end)
