-- select.epoll: the behavior that Python's own tests require, and the behavior in
-- tasks.
local bit = require "bit"
local faults = require "tests.support.faults"
local fds = require "tests.support.descriptors"
local select = require "timerlua.select"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

local IN, OUT, ERR, HUP = select.EPOLLIN, select.EPOLLOUT, select.EPOLLERR,
  select.EPOLLHUP

local function code_of(_, _, code) return code end

local function sorted(list)
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

local fails = fds.fails

local function both(name, fn) fds.both(it, name, fn) end

describe("select's constants", function()
  it("are the kernel's, and never negative", function()
    local expected = { EPOLLIN = 1, EPOLLPRI = 2, EPOLLOUT = 4, EPOLLERR = 8, EPOLLHUP = 16,
      EPOLLRDNORM = 64, EPOLLRDBAND = 128, EPOLLWRNORM = 256, EPOLLWRBAND = 512,
      EPOLLMSG = 1024, EPOLLRDHUP = 8192, EPOLLEXCLUSIVE = 268435456,
      EPOLLWAKEUP = 536870912, EPOLLONESHOT = 1073741824, EPOLLET = 2147483648,
      EPOLL_CLOEXEC = 524288, PIPE_BUF = 4096 }
    for name, value in pairs(expected) do assert.equal(value, select[name], name) end
  end)
end)

describe("an epoll object", function()
  both("opens with a descriptor and closes", function()
    local ep = assert(select.epoll(16))
    assert.is_true(ep:fileno() > 0)
    assert.is_false(ep.closed)
    ep:close()
    assert.is_true(ep.closed)
    ep:close()
    for _, flags in ipairs { 0, select.EPOLL_CLOEXEC } do
      assert(select.epoll(-1, flags)):close()
    end
  end)

  it("refuses the arguments that Python refuses", function()
    assert.equal("HERE: timerlua.select.epoll: sizehint must be an integer > 0, or -1, got -2",
      support.raised(function() select.epoll(-2) end))
    for _, hint in ipairs { 0, 1.5, 0 / 0, "foo", {} } do
      assert.truthy(support.raised(function() select.epoll(hint) end):find("sizehint", 1, true))
    end
    assert.equal("HERE: timerlua.select.epoll: flags must be 0 or EPOLL_CLOEXEC, got 12356",
      support.raised(function() select.epoll(-1, 12356) end))
  end)

  it("raises from every operation once it is closed", function()
    local ep = assert(select.epoll())
    ep:close()
    for _, name in ipairs { "register", "modify", "unregister", "poll", "events", "fileno" } do
      assert.equal(("HERE: timerlua.select.epoll:%s: the epoll object is closed"):format(name),
        support.raised(function() ep[name](ep, 0, 1) end))
    end
    assert.truthy(support.raised(function() ep.poll() end):find("as ep:poll()", 1, true))
  end)

  it("is not inherited by programs that are started", function()
    local ep = assert(select.epoll())
    local r = support.shell(("test -e /proc/self/fd/%d"):format(ep:fileno()))
    assert.equal(1, r.code)
    ep:close()
  end)

  both("takes numbers, files and objects with fileno()", function()
    local ep = assert(select.epoll())
    local r, w = fds.pipe()
    local file = assert(io.popen("cat >/dev/null", "w"))
    assert.is_true(ep:register({ fileno = function() return r end }, IN))
    assert.is_true(ep:register(w, OUT))
    assert.is_true(ep:register(file, OUT))
    assert.equal(2, #ep:poll(0))
    assert.is_true(ep:unregister(file))
    assert.is_true(ep:unregister({ fileno = function() return r end }))
    assert.same({ { w, OUT } }, ep:poll(0))
    file:close()
    ep:close()
    fds.close(r, w)
  end)

  it("refuses values that are not descriptors", function()
    local ep = assert(select.epoll())
    local rule = "HERE: timerlua.select.epoll:register: fd must be a descriptor, an io file or "
      .. "have fileno(), got "
    assert.equal(rule .. "-1", support.raised(function() ep:register(-1, IN) end))
    assert.equal(rule .. '"x"', support.raised(function() ep:register("x", IN) end))
    assert.equal(rule .. "1.5", support.raised(function() ep:register(1.5) end))
    assert.equal(rule .. "nil", support.raised(function() ep:register() end))
    assert.truthy(support.raised(function() ep:register({}) end):find(rule, 1, true))
    local wrong = { fileno = function() return "x" end }
    assert.equal(rule:gsub(", got ", " that returns one, got ") .. '"x"',
      support.raised(function() ep:register(wrong) end))
    local file = io.tmpfile()
    file:close()
    assert.truthy(support.raised(function() ep:register(file) end):find("file (closed)", 1, true))
    ep:close()
  end)

  it("refuses invalid masks", function()
    local ep = assert(select.epoll())
    local rule = "HERE: timerlua.select.epoll:modify: mask must be made of EPOLL constants, got "
    for _, mask in ipairs { 2 ^ 32, -2 ^ 31 - 1, 1.5, "1" } do
      assert.truthy(support.raised(function() ep:modify(0, mask) end):find(rule, 1, true))
    end
    assert.equal(rule .. "nil", support.raised(function() ep:modify(0) end))
    ep:close()
  end)

  it("returns the kernel's failures with their names", function()
    local ep = assert(select.epoll())
    local r, w = fds.pipe()
    assert.is_true(ep:register(r))
    fails("EEXIST", ("epoll.register fd %d: file exists"):format(r), ep:register(r))
    fails("EBADF", "epoll.register fd 4000: bad file descriptor", ep:register(4000))
    fails("ENOENT", ("epoll.modify fd %d: no such file or directory"):format(w),
      ep:modify(w, IN))
    fails("ENOENT", ("epoll.unregister fd %d: no such file or directory"):format(w),
      ep:unregister(w))
    fails("EBADF", "epoll.unregister fd 4000: bad file descriptor", ep:unregister(4000))
    fails("EINVAL", ("epoll.register fd %d: invalid argument"):format(ep:fileno()),
      ep:register(ep))
    local file = fds.open("Makefile")
    fails("EPERM", ("epoll.register fd %d: operation not permitted"):format(file),
      ep:register(file))
    fds.close(file)
    fds.close(r)
    fails("EBADF", ("epoll.unregister fd %d: bad file descriptor"):format(r), ep:unregister(r))
    ep:close()
    fds.close(w)
  end)

  both("shares its set with one made by fromfd", function()
    local a, b = fds.pair()
    local ep = assert(select.epoll(2))
    local ep2 = select.epoll.fromfd(ep:fileno())
    ep2:register(a, IN + OUT)
    ep2:register(b, IN + OUT)
    local expected = sorted { { a, OUT }, { b, OUT } }
    assert.same(expected, sorted(ep:poll(1, 4)))
    assert.same(expected, sorted(ep2:poll(0.9, 4)))
    fds.close(a, b)
    ep:close()
    fails("EBADF", "epoll.poll: bad file descriptor", ep2:poll(1, 4))
    ep2:close()
  end)

  it("refuses a descriptor that is no epoll set", function()
    local r, w = fds.pipe()
    local file = assert(io.open("/dev/null"))
    fails("EINVAL", ("epoll.fromfd fd %d: invalid argument"):format(r), select.epoll.fromfd(r))
    assert.equal("EINVAL", code_of(select.epoll.fromfd(file)))
    fds.close(r, w)
    fails("EBADF", ("epoll.fromfd fd %d: bad file descriptor"):format(r), select.epoll.fromfd(r))
    assert(file:close())
  end)

  both("reports, changes and forgets", function()
    local a, b = fds.pair()
    local ep = assert(select.epoll(16))
    ep:register(a, IN + OUT + select.EPOLLET)
    ep:register(b, bit.bor(IN, OUT, select.EPOLLET))
    assert.same(sorted { { a, OUT }, { b, OUT } }, sorted(ep:poll(1, 4)))
    assert.same({}, ep:poll(0.002, 4))
    fds.put(a, "Hello!")
    fds.put(b, "world!!!")
    assert.same(sorted { { a, IN + OUT }, { b, IN + OUT } }, sorted(ep:poll(1, 4)))
    ep:unregister(a)
    ep:modify(b, OUT)
    assert.same({ { b, OUT } }, ep:poll(1, 4))
    ep:close()
    fds.close(a, b)
  end)

  both("has masks that are sums and those that bit.bor made", function()
    local r, w = fds.pipe()
    local ep = assert(select.epoll())
    assert.is_true(ep:register(r, bit.bor(IN, select.EPOLLET, select.EPOLLONESHOT)))
    fds.put(w)
    assert.same({ { r, IN } }, ep:poll(1))
    assert.same({}, ep:poll(0))
    assert.is_true(ep:modify(r, IN + select.EPOLLONESHOT + select.EPOLLET))
    assert.same({ { r, IN } }, ep:poll(1))
    fds.put(w)
    assert.same({}, ep:poll(0))
    ep:close()
    fds.close(r, w)
  end)

  it("waits for everything by default", function()
    local a, b = fds.pair()
    local ep = assert(select.epoll())
    ep:register(a)
    assert.same({ { a, OUT } }, ep:poll(0))
    fds.put(b)
    assert.same({ { a, OUT + IN } }, ep:poll(0))
    ep:modify(a, 0)
    assert.same({}, ep:poll(0))
    fds.close(b)
    assert.same({ { a, HUP } }, ep:poll(0))
    ep:close()
    fds.close(a)
  end)

  it("reports half-closed peers and errors", function()
    local a, b = fds.pair()
    local ep = assert(select.epoll())
    ep:register(a, select.EPOLLRDHUP)
    assert.same({}, ep:poll(0))
    fds.shutdown(b, 1)
    assert.same({ { a, select.EPOLLRDHUP } }, ep:poll(0))
    local r, w = fds.pipe()
    ep:register(w, 0)
    fds.close(r)
    ep:unregister(a)
    assert.same({ { w, ERR } }, ep:poll(0))
    ep:close()
    fds.close(a, b, w)
  end)

  it("takes EPOLLEXCLUSIVE and EPOLLWAKEUP", function()
    local r, w = fds.pipe()
    local ep = assert(select.epoll())
    assert.is_true(ep:register(r, IN + select.EPOLLEXCLUSIVE))
    fails("EINVAL", ("epoll.modify fd %d: invalid argument"):format(r), ep:modify(r, IN))
    assert.is_true(ep:register(w, OUT + select.EPOLLWAKEUP))
    assert.same({ { w, OUT } }, ep:poll(0))
    ep:close()
    fds.close(r, w)
  end)

  it("is closed with the last reference to it", function()
    sockets.run(function()
      local r, w = fds.pipe()
      for _ = 1, 10 do
        local ep = assert(select.epoll())
        ep:register(r, IN)
        assert.same({}, ep:poll(0.0001))
      end
      fds.close(r, w)
    end)
  end)

  it("drops a closed descriptor, and not the next one with its number", function()
    local r, w = fds.pipe()
    local ep = assert(select.epoll())
    ep:register(r, IN)
    fds.put(w)
    fds.close(r)
    assert.same({}, ep:poll(0))
    local copy = fds.duplicate(w)
    assert.equal(r, copy)
    assert.same({}, ep:poll(0))
    assert.is_true(ep:register(copy, 0))
    ep:close()
    fds.close(copy, w)
  end)
end)

describe("epoll's poll", function()
  it("refuses invalid timeouts and counts", function()
    local ep = assert(select.epoll())
    for _, most in ipairs { 0, -2, 1.5, 0 / 0, "x" } do
      assert.truthy(support.raised(function() ep:poll(0, most) end):find(
        "HERE: timerlua.select.epoll:poll: maxevents must be an integer > 0, or -1, got", 1, true))
    end
    for _, timeout in ipairs { 0 / 0, math.huge, "soon", {} } do
      assert.truthy(support.raised(function() ep:poll(timeout) end):find(
        "HERE: timerlua.select.epoll:poll: timeout must be", 1, true))
    end
    ep:close()
  end)

  both("is over when its time is, and never early", function()
    local ep = assert(select.epoll())
    for _, timeout in ipairs { 0, 1e-9, 1e-4, 0.0011, "2ms", 3000000LL } do
      local start = tl.now()
      assert.same({}, ep:poll(timeout))
      local seconds = type(timeout) == "string" and 0.002
        or type(timeout) == "cdata" and 0.003 or timeout
      assert.is_true(tl.now() - start >= seconds)
    end
    ep:close()
  end)

  both("waits less than a millisecond when told", function()
    local ep, best = assert(select.epoll()), math.huge
    for _ = 1, 20 do
      local start = tl.now()
      ep:poll(1e-5)
      best = math.min(best, tl.now() - start)
    end
    assert.is_true(best < 0.0009, best)
    ep:close()
  end)

  both("tells of at most so many, and of the rest the next time", function()
    local ep, ends, seen = assert(select.epoll()), {}, {}
    for i = 1, 20 do
      ends[i] = { fds.pipe() }
      ep:register(ends[i][1], IN)
      fds.put(ends[i][2])
    end
    for _ = 1, 4 do
      local list = ep:poll(1, 5)
      assert.equal(5, #list)
      for _, pair in ipairs(list) do seen[pair[1]] = true end
    end
    for _, pipe in ipairs(ends) do assert.is_true(seen[pipe[1]]) end
    assert.equal(20, #ep:poll(1, -1))
    assert.equal(20, #ep:poll(1, 2 ^ 31 - 1))
    ep:close()
    for _, pipe in ipairs(ends) do fds.close(pipe[1], pipe[2]) end
  end)

  it("lets other tasks run while it waits, without end too", function()
    for _, timeout in ipairs { 5, -1, -0.5, -math.huge, false } do
      sockets.run(function()
        local r, w = fds.pipe()
        local ep, ticks = assert(select.epoll()), 0
        ep:register(r, IN)
        local ticking = tl.every(0.0005, function()
          ticks = ticks + 1
          if ticks == 3 then fds.put(w) end
        end)
        assert.same({ { r, IN } }, ep:poll(timeout or nil))
        assert.is_true(ticks >= 3)
        ticking:cancel()
        ep:close()
        fds.close(r, w)
      end)
    end
  end)

  it("ends with the program's only wait", function()
    local r = support.run([[
      local select, ffi = require "timerlua.select", require "ffi"
      local child = io.popen("sleep 0.05; echo hello")
      local ep = select.epoll()
      ep:register(child, select.EPOLLIN)
      print(#ep:poll(), child:read("*l"))
    ]])
    assert.equal("", r.err)
    assert.equal("1\thello\n", r.out)
  end)

  it("is ended by a signal to the program, even in a loop that never waits", function()
    for _, mask in ipairs { "EPOLLIN", "EPOLLOUT" } do
      local command = "timeout --preserve-status -s TERM 0.3 %s -e %s"
      local r = support.shell(command:format(support.program, support.quote(([[
          local select = require "timerlua.select"
          local child, ep = io.popen("cat >/dev/null", "w"), select.epoll()
          ep:register(child, select.%s)
          while true do for _ in ep:events() do end end
        ]]):format(mask))), { timeout = 10 })
      assert.equal("", r.err)
      assert.equal(128 + 15, r.code)
    end
  end)

  it("may be left open at the end", function()
    local script = support.temporary [[
      local select = require "timerlua.select"
      kept = select.epoll()
      kept:poll(0.0001)
      for _ = 1, 3 do assert(select.epoll()):poll(0.0001) end
    ]]
    local r = support.run { script }
    assert.equal("", r.err)
    assert.equal(0, r.code)
    r = support.shell(('LD_PRELOAD="$SANITIZER_PRELOAD" luajit -e %s'):format(support.quote(
      ([[local tl = require "timerlua" tl.spawn(dofile, %q) tl.run()]]):format(script))))
    assert.equal("", r.err)
    assert.equal(0, r.code)
    os.remove(script)
  end)

  it("waits in virtual time", function()
    support.assert_says({ "0 0.25", "0 3600.25", "0 3600.25" }, [[
      local select = require "timerlua.select"
      local ep = assert(select.epoll())
      say(#ep:poll(0.25), clock())
      say(#ep:poll("1h"), clock())
      say(#ep:poll(0), clock())
    ]])
  end)

  it("is ended by a limit, by cancelling and by closing", function()
    sockets.run(function()
      local ep = assert(select.epoll())
      local _, err = tl.timeout(0.001, ep.poll, ep)
      assert.equal("timeout", err)
      local task = tl.spawn(function() ep:poll() end)
      tl.sleep(0)
      task:cancel()
      assert.equal("ECANCELED", code_of(task:join()))
      task = tl.spawn(function() return ep:poll() end)
      tl.sleep(0)
      ep:close()
      fails("EBADF", "epoll.poll: bad file descriptor", task:join())
    end)
  end)

  it("serves several tasks that poll one object", function()
    sockets.run(function()
      local r, w = fds.pipe()
      local ep, told = assert(select.epoll()), 0
      ep:register(r, IN)
      local function polls()
        local count = #ep:poll(5)
        told = told + count
      end
      local tasks = { tl.spawn(polls), tl.spawn(polls), tl.spawn(polls) }
      tl.sleep(0)
      fds.put(w)
      for _, task in ipairs(tasks) do task:join() end
      assert.equal(3, told)
      ep:close()
      fds.close(r, w)
    end)
  end)

  it("does not starve timers, tasks and descriptors when it always finds something", function()
    for _, timeout in ipairs { false, 0, 1 } do
      sockets.run(function()
        local r, w = fds.pipe()
        local ep, other = assert(select.epoll()), { fds.pipe() }
        ep:register(w, OUT)
        local timer, task, watched, rounds = false, false, false, 0
        tl.after(0.001, function() timer = true end)
        tl.spawn(function() task = true end)
        local watch = tl.watch(other[1], "r", function() watched = true end)
        fds.put(other[2])
        while not (timer and task and watched) do
          assert.equal(1, #ep:poll(timeout or nil))
          rounds = rounds + 1
          assert.is_true(rounds < 1e6)
        end
        watch:cancel()
        ep:close()
        fds.close(r, w, other[1], other[2])
      end)
    end
  end)

  it("lets a task that only checks and finds nothing be cancelled", function()
    sockets.run(function()
      local ep = assert(select.epoll())
      local task = tl.spawn(function() while true do ep:poll(0) end end)
      tl.sleep(0.001)
      task:cancel()
      assert.equal("ECANCELED", code_of(task:join()))
      ep:close()
    end)
  end)

  it("costs no epoll_ctl of the loop when it waits again", function()
    sockets.run(function()
      local r, w = fds.pipe()
      local ep = assert(select.epoll())
      ep:register(r, IN)
      local function round()
        tl.after(0.0001, function() fds.put(w) end)
        assert.same({ { r, IN } }, ep:poll(5))
        fds.take(r)
      end
      round()
      local before = sockets.stats().controls
      for _ = 1, 100 do round() end
      -- a round in which the machine stalls may be reported before it is waited for
      local cost = sockets.stats().controls - before
      assert.is_true(cost <= 10, cost)
      ep:close()
      fds.close(r, w)
    end)
  end)

  it("waits for a set within a set, and refuses more than the kernel has", function()
    sockets.run(function()
      local r, w = fds.pipe()
      local sets = { assert(select.epoll()) }
      sets[1]:register(r, IN)
      for i = 2, 4 do
        sets[i] = assert(select.epoll())
        assert.is_true(sets[i]:register(sets[i - 1], IN))
      end
      tl.after(0.001, function() fds.put(w) end)
      assert.same({ { sets[3]:fileno(), IN } }, sets[4]:poll(5))
      fds.take(r)
      sets[5] = assert(select.epoll())
      assert.is_true(sets[5]:register(sets[4], IN))
      fails("ELOOP", "epoll.poll: too many levels of symbolic links", sets[5]:poll(5))
      for _, set in ipairs(sets) do set:close() end
      fds.close(r, w)
    end)
  end)
end)

describe("epoll's events", function()
  both("give what poll gives, without tables", function()
    local ep, ends, expected = assert(select.epoll()), {}, {}
    for i = 1, 8 do
      ends[i] = { fds.pair() }
      ep:register(ends[i][1], IN + OUT)
      if i % 2 == 0 then fds.put(ends[i][2]) end
      expected[i] = { ends[i][1], i % 2 == 0 and IN + OUT or OUT }
    end
    for _ = 1, 3 do
      local seen = {}
      for fd, event in ep:events(1) do seen[#seen + 1] = { fd, event } end
      assert.same(sorted(expected), sorted(seen))
    end
    local count = 0
    for _ in ep:events(1, 3) do count = count + 1 end
    assert.equal(3, count)
    ep:close()
    for _, pair in ipairs(ends) do fds.close(pair[1], pair[2]) end
  end)

  both("are none when the time is over", function()
    local ep = assert(select.epoll())
    for _ in ep:events(0.001) do error("none was ready") end
    ep:close()
  end)

  it("make no garbage for an event", function()
    sockets.run(function()
      local ep, ends, events = assert(select.epoll()), {}, 0
      for i = 1, 64 do
        ends[i] = { fds.pipe() }
        ep:register(ends[i][2], OUT)
      end
      local function rounds(count)
        for _ = 1, count do
          for _, event in ep:events() do events = events + event end
        end
      end
      rounds(500)
      support.collect()
      collectgarbage("stop")
      local before = collectgarbage("count")
      rounds(100)
      local bytes = (collectgarbage("count") - before) * 1024 / (64 * 100)
      collectgarbage("restart")
      assert.is_true(bytes < 16, bytes)
      assert.equal(600 * 64 * OUT, events)
      ep:close()
      for _, pair in ipairs(ends) do fds.close(pair[1], pair[2]) end
    end)
  end)

  it("raise what poll would return", function()
    local ep = assert(select.epoll())
    local twin = assert(select.epoll.fromfd(fds.duplicate(ep:fileno())))
    fds.close(twin:fileno())
    assert.equal("HERE: timerlua.select.epoll:events: waiting: bad file descriptor",
      support.raised(function() twin:events(1) end))
    twin:close()
    ep:close()
  end)

  it("of nested, unfinished and concurrent loops do not mix", function()
    sockets.run(function()
      local ep, ends, mine = assert(select.epoll()), {}, {}
      for i = 1, 6 do
        ends[i] = { fds.pipe() }
        ep:register(ends[i][2], OUT)
        mine[ends[i][2]] = true
      end
      local function all()
        local seen, count = {}, 0
        for fd in ep:events() do
          assert.is_true(mine[fd])
          assert.is_nil(seen[fd])
          seen[fd], count = true, count + 1
          local step, batch = ep:events(0, 2)
          assert.is_true(mine[step(batch)]) -- and break
          tl.sleep(0)
        end
        assert.equal(6, count)
      end
      local tasks = {}
      for i = 1, 4 do tasks[i] = tl.spawn(all) end
      for _, task in ipairs(tasks) do assert.equal(nil, code_of(task:join())) end
      ep:close()
      for _, pair in ipairs(ends) do fds.close(pair[1], pair[2]) end
    end)
  end)
end)

describe("epoll with failing calls", function()
  setup(faults.setup)
  teardown(faults.teardown)

  local SCRIPT = [[
    local tl, select = require "timerlua", require "timerlua.select"
    local ep, message, code = select.epoll()
    if not ep then print(message, code) return end
    local child = io.popen("sleep 0.01; echo")
    local ok, refused = ep:register(child, select.EPOLLIN)
    print(ok or refused)
    local list, err, name = ep:poll(5)
    print(list and #list, err, name)
    child:close()
    ep:close()
  ]]

  local function run(call, n, code, options)
    local r = faults.run(SCRIPT, call, n, code, options)
    assert.equal("", r.err)
    return r.out, r.calls
  end

  it("reports that there is no descriptor for a new set", function()
    for _, code in ipairs { "EMFILE", "ENFILE", "ENOMEM" } do
      assert.equal(("epoll: %s\t%s\n"):format(faults.text(code), code),
        (run("epoll_create1", 2, code)))
    end
  end)

  it("reports a refusal by the kernel", function()
    local _, calls = run("epoll_ctl", 0, "ENOMEM")
    local told = 0
    local script = SCRIPT:gsub("poll%(5%)", "poll(0.1)") -- in vain for what was refused
    for n = 1, calls do
      local r = faults.run(script, "epoll_ctl", n, "ENOSPC")
      if r.out:find("ENOSPC", 1, true) or r.err:find("ENOSPC", 1, true)
        or r.out:find(faults.text("ENOSPC"), 1, true) then told = told + 1 end
      assert.truthy(r.code == 0 or r.code == 1)
    end
    assert.is_true(told >= 2, told)
  end)

  it("goes on after signals", function()
    for _, storm in ipairs { 1, 3 } do
      assert.equal("true\n1\tnil\tnil\n", (run("none", 0, "EINTR", { storm = storm })))
    end
  end)

  it("waits whole milliseconds where the kernel has no epoll_pwait2", function()
    for _, code in ipairs { "ENOSYS", "EPERM" } do
      local r = faults.run([[
        local tl, select = require "timerlua", require "timerlua.select"
        string.gsub("x", "x", function() -- where it blocks
          local ep, start = select.epoll(), tl.now()
          local count = #ep:poll(0.0001)
          print(count, tl.now() - start >= 0.001, tl.now() - start < 1)
        end)
      ]], "epoll_pwait2", 1, code, { times = 100 })
      assert.equal("", r.err)
      assert.equal("0\ttrue\ttrue\n", r.out)
      assert.equal(1, r.calls)
    end
  end)

  it("reports the failure of a wait that blocks", function()
    local r = faults.run([[
      local select = require "timerlua.select"
      string.gsub("x", "x", function() print(select.epoll():poll(0.0001)) end)
    ]], "epoll_pwait2", 1, "EFAULT")
    assert.equal("", r.err)
    assert.equal("nil\tepoll.poll: bad address\tEFAULT\n", r.out)
  end)
end)

describe("an epoll object outside any task", function()
  it("waits the rest of its time after signals", function()
    local r = support.shell(([[LD_PRELOAD="$SANITIZER_PRELOAD" luajit -e %s & pid=$!
      for i in 1 2 3 4 5; do sleep 0.02; kill -STOP $pid; kill -CONT $pid; done; wait $pid]])
      :format(support.quote [[
        local tl, select = require "timerlua", require "timerlua.select"
        local ep, start = select.epoll(), tl.now()
        print(#ep:poll(0.25), tl.now() - start >= 0.25, tl.now() - start < 2)
      ]]))
    assert.equal("", r.err)
    assert.equal("0\ttrue\ttrue\n", r.out)
  end)

  it("leaves Ctrl-C to luajit", function()
    local r = support.shell(([[LD_PRELOAD="$SANITIZER_PRELOAD" timeout -s INT 0.3 luajit -e %s]])
      :format(support.quote [[
        local select = require "timerlua.select"
        local ep = select.epoll()
        print(pcall(ep.poll, ep))
      ]]))
    assert.equal("", r.err)
    assert.truthy(r.out:find("interrupted!", 1, true), r.out)
  end)
end)
