-- select.select: the behavior that Python's own tests require, the behavior in tasks,
-- and that select, poll and epoll agree.
local bit = require "bit"
local ffi = require "ffi"
local faults = require "tests.support.faults"
local fds = require "tests.support.descriptors"
local select = require "timerlua.select"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

local IN, OUT, ERR, HUP = select.POLLIN, select.POLLOUT, select.POLLERR, select.POLLHUP
local fails = fds.fails

local function both(name, fn) fds.both(it, name, fn) end

local function lists(r, w, x) return { r, w, x } end

-- An object of the script's with a descriptor.
local function object(fd)
  return { fileno = function() return fd end }
end

describe("select", function()
  both("returns the caller's objects in the caller's order", function()
    local r, w = fds.pipe()
    local r2, w2 = fds.pipe()
    local a, b, c = object(w2), object(w), object(r2)
    fds.put(w)
    local ready = lists(select.select({ c, r }, { a, b, w }, { r, b }))
    assert.equal(1, #ready[1])
    assert.equal(r, ready[1][1])
    assert.equal(3, #ready[2])
    assert.equal(a, ready[2][1])
    assert.equal(b, ready[2][2])
    assert.equal(w, ready[2][3])
    assert.same({}, ready[3])
    fds.close(r, w, r2, w2)
  end)

  both("finds one descriptor in several lists, and twice in one", function()
    local a, b = fds.pair()
    fds.put(b)
    assert.same({ { a, a }, { a }, {} }, lists(select.select({ a, a }, { a }, { a }, 5)))
    assert.same({ { a }, { a, a, a }, {} }, lists(select.select({ a }, { a, a, a }, {})))
    fds.close(a, b)
  end)

  both("returns three empty lists, each new, when the time is over", function()
    local r, w = fds.pipe()
    for _, given in ipairs { {}, { r } } do
      for _, timeout in ipairs { 0, 0.001, "1ms", 1000000LL, 1e-9 } do
        local start = tl.now()
        local a, b, c = select.select(given, {}, {}, timeout)
        assert.same({ {}, {}, {} }, { a, b, c })
        assert.is_true(a ~= b and b ~= c and a ~= c and a ~= given)
        if timeout == 0.001 then assert.is_true(tl.now() - start >= 0.001) end
      end
    end
    fds.close(r, w)
  end)

  it("refuses invalid lists, descriptors and timeouts", function()
    for _, list in ipairs { 1, "x", { a = 1 }, { fileno = function() return 0 end } } do
      assert.truthy(support.raised(function() select.select(list, {}, {}) end):find(
        "HERE: timerlua.select.select: rlist must be a list of descriptors and objects with "
        .. "fileno(), got ", 1, true))
    end
    assert.truthy(support.raised(function() select.select({}, 2, {}) end):find("wlist", 1, true))
    assert.truthy(support.raised(function() select.select({}, {}) end):find("xlist", 1, true))
    local rule = "fd must be a descriptor, an io file or have fileno(), got "
    for _, fd in ipairs { -1, 1.5, "x", {} } do
      assert.truthy(support.raised(function() select.select({}, { 0, fd }, {}) end):find(
        "HERE: timerlua.select.select: wlist[2]" .. rule:sub(3), 1, true))
    end
    local almost = { fileno = function() return "fileno" end }
    assert.truthy(support.raised(function() select.select({ almost }, {}, {}) end):find(
      'rlist[1] must be a descriptor, an io file or have fileno() that returns one, got "fileno"',
      1, true))
    for _, timeout in ipairs { -1, -1e-9, 0 / 0, math.huge, "not a number", {} } do
      assert.truthy(support.raised(function() select.select({}, {}, {}, timeout) end):find(
        "HERE: timerlua.select.select: timeout must be", 1, true))
    end
    local broken = { fileno = function() error("no number today", 0) end }
    assert.equal("no number today",
      support.raised(function() select.select({ broken }, {}, {}) end))
  end)

  both("tells of a descriptor that is closed", function()
    local r, w = fds.pipe()
    fds.close(r)
    local message = ("select fd %d: bad file descriptor"):format(r)
    fails("EBADF", message, select.select({ r }, {}, {}))
    fails("EBADF", message, select.select({}, {}, { w, r }, 0))
    fails("EBADF", message, select.select({}, { w, r }, {}, 5))
    fds.close(w)
  end)

  it("survives lists that fileno() changes", function()
    local r, w = fds.pipe()
    local list = {}
    for i = 1, 10 do
      list[i] = { fileno = function()
        table.remove(list)
        return w
      end }
    end
    local first = { list[1], list[2], list[3], list[4], list[5] }
    assert.same({ {}, first, {} }, lists(select.select({}, list, {})))
    fds.close(r, w)
  end)

  both("finds regular files always ready", function()
    local fd = fds.open("Makefile")
    assert.same({ { fd }, { fd }, {} }, lists(select.select({ fd }, { fd }, { fd })))
    assert.same({ {}, {}, {} }, lists(select.select({}, {}, { fd }, 0.001)))
    fds.close(fd)
  end)

  both("takes ends and errors as select(2) does", function()
    local r, w = fds.pipe()
    fds.close(w)
    assert.same({ { r }, {}, {} }, lists(select.select({ r }, {}, { r })))
    local r2, w2 = fds.pipe()
    fds.close(r2)
    assert.same({ { w2 }, { w2 }, {} }, lists(select.select({ w2 }, { w2 }, { w2 })))
    fds.close(r, w2)
  end)

  both("waits on past what it was not asked about", function()
    local r, w = fds.pipe()
    local r2, w2 = fds.pipe()
    fds.close(w)
    -- poll(2) reports the hang-up of r at once, again and again
    local start = tl.now()
    local before = sockets.stats().turns
    assert.same({ {}, {}, {} }, lists(select.select({ r2 }, { r }, { r }, 0.01)))
    assert.is_true(tl.now() - start >= 0.01)
    assert.is_true(sockets.stats().turns - before < 20)
    fds.put(w2)
    assert.same({ { r2 }, {}, {} }, lists(select.select({ r2 }, { r }, { r }, 5)))
    fds.close(r, r2, w2)
  end)

  it("reports urgent data in the third list", function()
    sockets.run(function()
      local ours, theirs = sockets.pair()
      local MSG_OOB = 1
      assert.equal(1, tonumber(ffi.C.send(ours:fileno(), "!", 1, MSG_OOB)))
      assert.same({ {}, {}, { theirs } }, lists(select.select({}, {}, { theirs }, 5)))
      local p = select.poll()
      p:register(theirs, select.POLLPRI)
      assert.same({ { theirs:fileno(), select.POLLPRI } }, p:poll(5000))
      ours:close()
      theirs:close()
    end)
  end)

  it("takes io files, connections and listeners", function()
    sockets.run(function()
      local file = io.popen("echo hello")
      local listener = assert(tl.listen("127.0.0.1:0", function() end))
      local theirs, conn = sockets.pair()
      assert.same({ { file }, {}, {} }, lists(select.select({ file, conn, listener }, {}, {})))
      assert.same({ {}, { conn, theirs }, {} },
        lists(select.select({ conn }, { conn, theirs }, { listener })))
      assert.equal("hello", file:read("*l"))
      file:close()
      conn:close()
      theirs:close()
      assert.truthy(support.raised(function() select.select({ conn }, {}, {}) end):find(
        "rlist[1] must be a descriptor", 1, true))
      listener:close()
    end)
  end)

  it("goes beyond descriptor 1024, and with more entries than there may be descriptors",
    function()
      local r, w = fds.pipe()
      assert(ffi.C.dup2(w, 1500) == 1500)
      local many = {}
      for i = 1, 5000 do many[i] = 1500 end
      local _, ready = select.select({}, many, many)
      assert.equal(5000, #ready)
      fds.close(r, w, 1500)
    end)

  it("lets other tasks run while it waits", function()
    sockets.run(function()
      local r, w = fds.pipe()
      local ticks, before = 0, support.count_fds()
      local ticking = tl.every(0.0005, function()
        ticks = ticks + 1
        if ticks == 3 then fds.put(w) end
      end)
      assert.same({ { r }, {}, {} }, lists(select.select({ r }, {}, { r })))
      assert.is_true(ticks >= 3)
      assert.equal(before, support.count_fds())
      ticking:cancel()
      fds.close(r, w)
    end)
  end)

  it("waits in virtual time", function()
    support.assert_says({ "0 0.25", "0 86400.25" }, [[
      local select = require "timerlua.select"
      say(#select.select({}, {}, {}, 0.25), clock())
      say(#select.select({ io.popen("sleep 5") }, {}, {}, "1d"), clock())
      os.exit(0)
    ]])
  end)

  it("is ended by a limit and by cancelling, and keeps no descriptor", function()
    sockets.run(function()
      local r, w = fds.pipe()
      local before = support.count_fds()
      local _, err = tl.timeout(0.001, select.select, { r }, {}, {})
      assert.equal("timeout", err)
      local task = tl.spawn(function() select.select({ r }, {}, {}) end)
      tl.sleep(0)
      task:cancel()
      local _, _, code = task:join()
      assert.equal("ECANCELED", code)
      assert.equal(before, support.count_fds())
      fds.close(r, w)
    end)
  end)

  it("does not starve others when it always finds something", function()
    sockets.run(function()
      local r, w = fds.pipe()
      local timer, task, rounds = false, false, 0
      tl.after(0.001, function() timer = true end)
      tl.spawn(function() task = true end)
      while not (timer and task) do
        assert.equal(1, #({ select.select({}, { w }, {}) })[2])
        rounds = rounds + 1
        assert.is_true(rounds < 1e6)
      end
      fds.close(r, w)
    end)
  end)

  it("follows a process's output until it ends", function()
    local r = support.run([[
      local select = require "timerlua.select"
      local pipe = io.popen("for i in 0 1 2 3; do echo testing...; sleep 0.01; done")
      repeat
        local ready = select.select({ pipe }, {}, {}, 5)
        local line = ready[1] and pipe:read("*l")
        print(line)
      until not line
    ]])
    assert.equal("", r.err)
    assert.equal(("testing...\n"):rep(4) .. "nil\n", r.out)
  end)
end)

describe("a pipe that is ready for writing", function()
  it("takes PIPE_BUF bytes, as in Python", function()
    local r, w = fds.pipe()
    assert.equal(4096, select.PIPE_BUF)
    local p, text = select.poll(), ("x"):rep(select.PIPE_BUF)
    p:register(w, OUT)
    while #p:poll(0) == 1 do fds.put(w, text) end
    assert.same({ {}, {}, {} }, lists(select.select({}, { w }, {}, 0)))
    fds.take(r)
    assert.same({ {}, { w }, {} }, lists(select.select({}, { w }, {}, 0)))
    fds.close(r, w)
  end)
end)

describe("select with failing calls", function()
  setup(faults.setup)
  teardown(faults.teardown)

  local SCRIPT = [[
    local select = require "timerlua.select"
    local child = io.popen("sleep 0.02; echo")
    local r, message, code = select.select({ child }, {}, {})
    if r then print(#r) else print(message, code) end
    child:close()
  ]]

  local function out(call, n, code, options)
    local r = faults.run(SCRIPT, call, n, code, options)
    assert.equal("", r.err)
    return r.out
  end

  it("reports why it could not poll or wait", function()
    assert.equal("select: invalid argument\tEINVAL\n", out("ppoll", 1, "EINVAL"))
    assert.equal("select: cannot allocate memory\tENOMEM\n", out("ppoll", 2, "ENOMEM"))
    assert.equal("select: too many open files\tEMFILE\n", out("epoll_create1", 2, "EMFILE"))
  end)

  it("goes on after signals", function()
    for _, storm in ipairs { 1, 3 } do
      assert.equal("1\n", out("none", 0, "EINTR", { storm = storm }))
    end
  end)
end)

-- The results of the three for the same descriptors must agree.
describe("select, poll and epoll", function()
  local function change(ends)
    local pipe = ends[math.random(#ends)]
    if not (pipe.r and pipe.w) then return end -- writing would raise SIGPIPE
    local what = math.random(8)
    if what <= 3 then ffi.C.write(pipe.w, "x", 1)
    elseif what <= 5 then fds.take(pipe.r)
    elseif what == 6 then fds.fill(pipe.w)
    else
      local side = what == 7 and "w" or "r"
      fds.close(pipe[side])
      pipe[side] = nil
    end
  end

  local function by_fd(list)
    local map = {}
    for _, pair in ipairs(list) do map[pair[1]] = pair[2] end
    return map
  end

  local function compare(ends, timeout)
    local p, ep = select.poll(), assert(select.epoll())
    local r, w, mine = {}, {}, {}
    for _, pipe in ipairs(ends) do
      for _, fd in pairs { r = pipe.r, w = pipe.w } do
        mine[#mine + 1] = fd
        local mask = ({ 0, IN, OUT, IN + OUT })[math.random(4)]
        p:register(fd, mask)
        ep:register(fd, mask)
        if mask % 2 == 1 then r[#r + 1] = fd end
        if mask >= OUT then w[#w + 1] = fd end
      end
    end
    local polled = by_fd(p:poll(timeout * 1000))
    assert.same(polled, by_fd(ep:poll(timeout)))
    local seen = {}
    for fd, event in ep:events(timeout) do seen[fd] = event end
    assert.same(polled, seen)
    local function expected(list, answers)
      local ready = {}
      for _, fd in ipairs(list) do
        if bit.band(polled[fd] or 0, answers) ~= 0 then ready[#ready + 1] = fd end
      end
      return ready
    end
    assert.same({ expected(r, IN + HUP + ERR), expected(w, OUT + ERR), {} },
      lists(select.select(r, w, mine, timeout)))
    ep:close()
  end

  local function round(seed)
    math.randomseed(seed)
    local ends = {}
    for i = 1, math.random(2, 12) do
      ends[i] = {}
      ends[i].r, ends[i].w = fds.pipe()
    end
    for _ = 1, 40 do
      for _ = 1, math.random(0, 4) do change(ends) end
      compare(ends, math.random(5) == 1 and 0.0005 or 0)
    end
    for _, pipe in ipairs(ends) do
      for _, fd in pairs(pipe) do fds.close(fd) end
    end
  end

  both("agree about random pipes", function()
    for _, seed in ipairs(support.seeds(5)) do
      local ok, message = pcall(round, seed)
      if not ok then error(("TEST_SEED=%d: %s"):format(seed, tostring(message)), 0) end
    end
  end)
end)

-- The kernel's own select(2), which checks and does not wait.
describe("select and select(2)", function()
  ffi.cdef "int select(int, void *, void *, void *, int64_t *);"

  local function set_of(list)
    local set = ffi.new("uint8_t[128]")
    for _, fd in ipairs(list) do
      set[bit.rshift(fd, 3)] = bit.bor(set[bit.rshift(fd, 3)], bit.lshift(1, fd % 8))
    end
    return set
  end

  local function members(list, set)
    local found = {}
    for _, fd in ipairs(list) do
      if bit.band(set[bit.rshift(fd, 3)], bit.lshift(1, fd % 8)) ~= 0 then
        found[#found + 1] = fd
      end
    end
    return found
  end

  local function kernel(r, w, x)
    local a, b, c = set_of(r), set_of(w), set_of(x)
    assert.is_true(ffi.C.select(1024, a, b, c, ffi.new("int64_t[2]")) >= 0)
    return { members(r, a), members(w, b), members(x, c) }
  end

  local SHUT_BOTH = 2
  local MAKERS = { fds.pipe, fds.pair, function() -- a tcp socket that is not connected
    return ffi.C.socket(2, 1 + 0x80000, 0), fds.open("Makefile")
  end }

  local function random_pair()
    local kind = math.random(3)
    local a, b = MAKERS[kind]()
    local what = math.random(6)
    if what == 1 and kind < 3 then fds.put(b)
    elseif what == 2 and kind < 3 then fds.fill(b)
    elseif what == 3 and kind == 2 then fds.shutdown(a, math.random(0, SHUT_BOTH))
    elseif what == 4 and kind < 3 then
      fds.close(b)
      b = nil
    elseif what == 5 and kind < 3 then
      fds.close(a)
      a = nil
    end
    return a, b
  end

  local function some_of(list)
    local some = {}
    for _, fd in ipairs(list) do
      if math.random(2) == 1 then some[#some + 1] = fd end
    end
    return some
  end

  local function round(seed)
    math.randomseed(seed)
    local all = {}
    for _ = 1, math.random(0, 8) do
      local a, b = random_pair()
      all[#all + 1] = a
      all[#all + 1] = b
    end
    for _ = 1, 10 do
      local r, w, x = some_of(all), some_of(all), some_of(all)
      local timeout = math.random(3) == 1 and 0.0005 or 0
      assert.same(kernel(r, w, x), lists(select.select(r, w, x, timeout)))
    end
    for _, fd in ipairs(all) do fds.close(fd) end
  end

  both("agree about random descriptors", function()
    for _, seed in ipairs(support.seeds(40)) do
      local ok, message = pcall(round, seed)
      if not ok then error(("TEST_SEED=%d: %s"):format(seed, tostring(message)), 0) end
    end
  end)
end)
