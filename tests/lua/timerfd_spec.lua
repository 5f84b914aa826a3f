-- Timer descriptors: lua/timerlua/timerfd.lua.
local ffi = require "ffi"
local sockets = require "tests.support.sockets"
local kernel = require "timerlua.select"
local support = require "tests.support"
local tl = require "timerlua"
local timerfd = require "timerlua.timerfd"

local MONOTONIC, REALTIME = timerfd.CLOCK_MONOTONIC, timerfd.CLOCK_REALTIME
local NONBLOCK, ABSTIME = timerfd.TFD_NONBLOCK, timerfd.TFD_TIMER_ABSTIME
local F_GETFD, F_GETFL, FD_CLOEXEC, O_NONBLOCK = 1, 3, 1, 2048
local NONE = 4000 -- not a descriptor

local function create(flags, clock)
  return assert(timerfd.create(clock or MONOTONIC, flags))
end

-- In the main chunk of a plain luajit, in a task, and in a coroutine of the
-- script's own: each calls `fn`.
local function everywhere(fn)
  fn("outside")
  sockets.run(function() fn("task") end)
  local co = coroutine.create(fn)
  assert(coroutine.resume(co, "coroutine"))
  assert.equal("dead", coroutine.status(co))
end

local function assert_between(least, most, value)
  assert.is_true(least <= value and value <= most,
    ("%s is not from %s to %s"):format(tostring(value), tostring(least), tostring(most)))
end

describe("timerfd.create", function()
  it("has Linux's numbers of clocks and flags", function()
    local names = { "CLOCK_REALTIME", "CLOCK_MONOTONIC", "CLOCK_BOOTTIME",
      "CLOCK_REALTIME_ALARM", "CLOCK_BOOTTIME_ALARM", "TFD_NONBLOCK", "TFD_CLOEXEC",
      "TFD_TIMER_ABSTIME", "TFD_TIMER_CANCEL_ON_SET" }
    local source = support.temporary(("#include <stdio.h>\n#include <time.h>\n"
      .. "#include <sys/timerfd.h>\nint main(void) { printf(\"%s\", %s); }\n"):format(
      ("%d "):rep(#names), table.concat(names, ", ")))
    local r = support.shell(("cc -D_GNU_SOURCE -x c %s -o %s.out && %s.out; rm -f %s*"):format(
      source, source, source, source))
    assert.equal("", r.err)
    local i = 0
    for number in r.out:gmatch("%d+") do
      i = i + 1
      assert.equal(tonumber(number), timerfd[names[i]], names[i])
    end
    assert.equal(#names, i)
  end)

  it("makes a stopped timer of each clock", function()
    for _, clock in ipairs { REALTIME, MONOTONIC, timerfd.CLOCK_BOOTTIME } do
      local t = create(NONBLOCK, clock)
      assert.same({ 0, 0 }, { t:gettime() })
      assert.same({ nil, "would block", "EAGAIN" }, { t:read() })
      assert.equal(clock, t.clockid)
      t:close()
    end
  end)

  it("makes clocks that wake the machine, or returns the kernel's refusal", function()
    for clock, name in pairs { [timerfd.CLOCK_REALTIME_ALARM] = "REALTIME_ALARM",
      [timerfd.CLOCK_BOOTTIME_ALARM] = "BOOTTIME_ALARM" } do
      local t, message, code = timerfd.create(clock, NONBLOCK)
      if t then
        t:close()
      else
        assert.equal("EPERM", code)
        assert.equal(("timerfd.create(CLOCK_%s): operation not permitted"):format(name), message)
      end
    end
  end)

  it("makes them close-on-exec and blocking by default", function()
    local function flags(given)
      local t = create(given)
      local fd = t:fileno()
      local descriptor, status = ffi.C.fcntl(fd, F_GETFD), ffi.C.fcntl(fd, F_GETFL)
      t:close()
      return bit.band(descriptor, FD_CLOEXEC) ~= 0, bit.band(status, O_NONBLOCK) ~= 0
    end
    assert.same({ true, false }, { flags() })
    assert.same({ true, false }, { flags(0) })
    assert.same({ true, true }, { flags(NONBLOCK) })
    assert.same({ true, true }, { flags(NONBLOCK + timerfd.TFD_CLOEXEC) })
    assert.same({ true, true }, { flags { nonblock = true } })
    assert.same({ true, true }, { flags { flags = NONBLOCK } })
    assert.same({ true, false }, { flags { flags = NONBLOCK, nonblock = false } })
    assert.same({ false, false }, { flags { cloexec = false } })
    assert.same({ false, true }, { flags { cloexec = false, nonblock = true } })
  end)

  it("refuses invalid clocks and flags", function()
    for _, clock in ipairs { -1, 2, 11, 1.5, 0 / 0, "1", {}, true } do
      assert.equal("HERE: timerlua.timerfd.create: clockid must be CLOCK_REALTIME, "
        .. "CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME_ALARM or CLOCK_BOOTTIME_ALARM, got "
        .. (clock == "1" and '"1"' or tostring(clock)),
        support.raised(function() timerfd.create(clock) end))
    end
    for _, flags in ipairs { -1, 1, 4, 2049, 2048.5, 2 ^ 31, 0 / 0, 1 / 0 } do
      assert.equal("HERE: timerlua.timerfd.create: flags must be 0, TFD_NONBLOCK, TFD_CLOEXEC "
        .. "or their sum, got " .. tostring(flags),
        support.raised(function() timerfd.create(MONOTONIC, flags) end))
    end
    assert.equal('HERE: timerlua.timerfd.create: an option must be one of cloexec, flags, '
      .. 'nonblock, got "nonblocking"; did you mean "nonblock"?',
      support.raised(function() timerfd.create(MONOTONIC, { nonblocking = true }) end))
    assert.equal("HERE: timerlua.timerfd.create: option nonblock must be true or false, got 1",
      support.raised(function() timerfd.create(MONOTONIC, { nonblock = 1 }) end))
  end)

  it("has its clock and descriptor", function()
    local t = create()
    assert.equal("timerlua.Timerfd: CLOCK_MONOTONIC, fd " .. t:fileno(), tostring(t))
    t:close()
    assert.equal("timerlua.Timerfd: CLOCK_MONOTONIC, closed", tostring(t))
  end)
end)

describe("timerfd.settime", function()
  local t

  before_each(function() t = create(NONBLOCK) end)
  after_each(function() t:close() end)

  it("returns the previous setting, in seconds", function()
    assert.same({ 0, 0 }, { timerfd.settime(t, 0, 1000, 0.25) })
    local initial, interval = timerfd.settime(t:fileno(), 0, 2000.5, 0)
    assert_between(999, 1000, initial)
    assert.equal(0.25, interval)
    initial, interval = t:settime { initial = 0 }
    assert_between(2000, 2000.5, initial)
    assert.equal(0, interval)
    assert.same({ 0, 0 }, { t:gettime() })
  end)

  it("returns it as int64 nanoseconds, exact where seconds are not", function()
    local big = 9007199254740993LL -- 2^53 + 1
    assert.same({ 0LL, 0LL }, { timerfd.settime_ns(t, 0, big, 3LL) })
    local initial, interval = timerfd.gettime_ns(t:fileno())
    assert.is_true(ffi.istype("int64_t", initial))
    assert_between(big - 1000000000, big, initial)
    assert.equal(3LL, interval)
    initial, interval = t:settime_ns { initial = big, interval = big }
    assert_between(big - 1000000000, big, initial)
    assert.equal(3LL, interval)
    assert.equal(big, select(2, t:gettime_ns()))
  end)

  it("takes the same by position, by name, and as a method", function()
    local function check(interval)
      local left, period = t:gettime()
      assert_between(99, 100, left)
      assert.equal(interval, period)
    end
    timerfd.settime(t, 0, 100, 1)
    check(1)
    timerfd.settime(t, nil, 100, 2)
    check(2)
    timerfd.settime(t:fileno(), { initial = 100, interval = 3 })
    check(3)
    t:settime(0, 100, 4)
    check(4)
    t:settime { initial = 100, interval = 5 }
    check(5)
    timerfd.settime(t, 0, 100)
    check(0)
    t:settime_ns { initial = 100000000000LL, interval = 1e9 }
    check(1)
    timerfd.settime(t)
    assert.same({ 0, 0 }, { t:gettime() })
  end)

  it("rounds up to the nanosecond and never to nothing", function()
    for seconds, ns in pairs { [1e-10] = 1LL, [1e-9] = 1LL, [1.1e-9] = 2LL, [5e-324] = 1LL,
      [0.3] = 300000000LL, [4.35] = 4350000000LL, [0.1] = 100000000LL } do
      t:settime { initial = 1000, interval = seconds }
      assert.equal(ns, select(2, t:gettime_ns()), tostring(seconds))
    end
    t:settime { initial = 1e-10 }
    sockets.run(function()
      sockets.till(function() return t:read() == 1 end, "the expiration")
    end)
    t:settime { initial = 5e-324 }
    sockets.run(function()
      sockets.till(function() return t:read() == 1 end, "the expiration")
    end)
  end)

  it("stops a timer by exactly 0, whatever the interval", function()
    t:settime { initial = 0.0001, interval = 0.0001 }
    t:settime { initial = 0, interval = 0.0001 }
    assert.equal(0, (t:gettime()))
    assert.same({ nil, "would block", "EAGAIN" }, { t:read() })
    t:settime { initial = -0 }
    assert.equal(0, (t:gettime()))
  end)

  it("forgets expirations that were not read", function()
    t:settime { initial = 1e-9 }
    sockets.till(function() return t:gettime() == 0 end)
    t:settime { initial = 1000 }
    assert.same({ nil, "would block", "EAGAIN" }, { t:read() })
  end)

  it("goes from once to periodic and back", function()
    t:settime { initial = 1000 }
    t:settime { initial = 1e-9, interval = 1e-6 }
    sockets.till(function() return (t:read() or 0) >= 2 end, "a second expiration")
    t:settime { initial = 1e-9 }
    sockets.till(function() return t:read() == 1 end, "the one expiration")
    assert.same({ nil, "would block", "EAGAIN" }, { t:read() })
    assert.same({ 0, 0 }, { t:gettime() })
  end)

  it("takes times of the clock itself", function()
    local now = tl.now()
    t:settime { initial = now + 1000, interval = 7, abstime = true }
    local left, interval = t:gettime()
    assert_between(990, 1000, left)
    assert.equal(7, interval)
    t:settime(ABSTIME, 1e-9, 0) -- long ago
    assert.equal(1, t:read())
    t:settime { flags = ABSTIME, initial = now + 2000 }
    assert_between(1990, 2000, (t:gettime()))
    t:settime { flags = ABSTIME, initial = 2000, abstime = false }
    assert_between(1990, 2000, (t:gettime()))
    t:settime_ns { initial = 1, abstime = true }
    assert.equal(1, t:read())
    local wall = create(NONBLOCK, REALTIME)
    wall:settime { initial = tl.time() - 1, abstime = true, cancel_on_set = true }
    assert.equal(1, wall:read())
    wall:settime(ABSTIME + timerfd.TFD_TIMER_CANCEL_ON_SET, tl.time() + 1000, 0)
    assert_between(990, 1000, (wall:gettime()))
    wall:settime(timerfd.TFD_TIMER_CANCEL_ON_SET, 1000, 0)
    wall:close()
  end)

  it("takes the longest times there are", function()
    t:settime { initial = 9223372036, interval = 9223372036 }
    assert_between(9e9, 9223372036.9, (t:gettime()))
    t:settime_ns { initial = 0x7fffffffffffffffLL, interval = 0x7fffffffffffffffULL }
    assert.equal(0x7fffffffffffffffLL, select(2, t:gettime_ns()))
    assert.same({ nil, "would block", "EAGAIN" }, { t:read() })
  end)

  it("refuses invalid times, and leaves the timer as it was", function()
    t:settime { initial = 1000, interval = 5 }
    for _, name in ipairs { "initial", "interval" } do
      for value, rule in pairs {
        [-1] = "must be a number >= 0", [-1e-10] = "must be a number >= 0",
        [-math.huge] = "must be a number >= 0",
        [math.huge] = "must be at most 9223372036 s (292 years)",
        [1e10] = "must be at most 9223372036 s (292 years)",
        ["1"] = "must be a number of seconds >= 0",
        [5LL] = "must be a number of seconds >= 0",
        [true] = "must be a number of seconds >= 0",
      } do
        assert.equal(("HERE: timerlua.timerfd.settime: %s %s, got %s"):format(name, rule,
          value == "1" and '"1"' or tostring(value)),
          support.raised(function() t:settime { [name] = value } end))
      end
      assert.equal(("HERE: timerlua.timerfd.settime: %s must be a number >= 0, got nan"):format(
        name), (support.raised(function() t:settime { [name] = 0 / 0 } end):gsub("%-nan", "nan")))
      for _, value in ipairs { -1, 0.5, 0 / 0, 1 / 0, 2 ^ 63, -1LL, 0x8000000000000000ULL, "1",
        ffi.new("int32_t[1]") } do
        assert.truthy(support.raised(function() timerfd.settime_ns(t, { [name] = value }) end)
          :find("^HERE: timerlua.timerfd.settime_ns: " .. name
            .. " must be whole nanoseconds from 0 to 2%^63 %- 1, got "), tostring(value))
      end
    end
    assert.equal(5, select(2, t:gettime()))
  end)

  it("refuses invalid flags, options and descriptors", function()
    for _, flags in ipairs { -1, 4, 1.5, 0 / 0, 2 ^ 31 } do
      assert.equal("HERE: timerlua.timerfd.settime: flags must be 0, TFD_TIMER_ABSTIME, "
        .. "TFD_TIMER_CANCEL_ON_SET or their sum, got " .. tostring(flags),
        support.raised(function() timerfd.settime(t, flags, 1) end))
    end
    assert.equal('HERE: timerlua.timerfd.settime: an option must be one of abstime, '
      .. 'cancel_on_set, flags, initial, interval, got "first"',
      support.raised(function() t:settime { first = 1 } end))
    assert.equal("HERE: timerlua.timerfd.settime: option abstime must be true or false, got 1",
      support.raised(function() t:settime { abstime = 1 } end))
    for _, fd in ipairs { -1, 0.5, 2 ^ 31, 0 / 0, "3", {}, 3LL } do
      for name, call in pairs { settime = timerfd.settime, gettime = timerfd.gettime,
        settime_ns = timerfd.settime_ns, gettime_ns = timerfd.gettime_ns,
        read = timerfd.read, close = timerfd.close } do
        assert.truthy(support.raised(function() call(fd) end):find("timerlua.timerfd." .. name
          .. ": fd must be a descriptor, an io file or have fileno(), got ", 1, true))
      end
    end
  end)

  it("takes an object of another kind by its fileno()", function()
    local other = { fileno = function() return t:fileno() end }
    timerfd.settime(other, 0, 100, 3)
    assert.equal(3, select(2, timerfd.gettime(other)))
    assert.same({ nil, "would block", "EAGAIN" }, { timerfd.read(other) })
  end)

  it("returns the kernel's failures for other descriptors", function()
    assert.same({ nil, "timerfd.settime fd 4000: bad file descriptor", "EBADF" },
      { timerfd.settime(NONE, 0, 1) })
    assert.same({ nil, "timerfd.settime_ns fd 4000: bad file descriptor", "EBADF" },
      { timerfd.settime_ns(NONE, 0, 1) })
    assert.same({ nil, "timerfd.gettime fd 4000: bad file descriptor", "EBADF" },
      { timerfd.gettime(NONE) })
    assert.same({ nil, "timerfd.gettime_ns fd 0: invalid argument", "EINVAL" },
      { timerfd.gettime_ns(0) })
  end)
end)

describe("timerfd.read", function()
  it("waits for the expiration and counts it, wherever it is called", function()
    everywhere(function(place)
      local t = create()
      local before = tl.now()
      t:settime { initial = 0.002 }
      assert.equal(1, t:read(), place)
      assert.is_true(tl.now() - before >= 0.002, place)
      t:settime { initial = 0.001 }
      assert.equal(1, timerfd.read(t:fileno()), place)
      t:close()
    end)
  end)

  it("counts missed expirations", function()
    everywhere(function(place)
      local t = create()
      t:settime { initial = 1e-4, interval = 1e-4 }
      local start = tl.now()
      while tl.now() - start < 0.0015 do end
      local count = t:read()
      assert.is_true(count >= 14, place)
      assert.equal(math.floor(count), count)
      assert.is_true(t:read() >= 1)
      t:close()
    end)
  end)

  it("does not wait for a TFD_NONBLOCK timer", function()
    everywhere(function(place)
      local t = create(NONBLOCK)
      t:settime { initial = 1000 }
      assert.same({ nil, "would block", "EAGAIN" }, { t:read() }, place)
      assert.same({ nil, "would block", "EAGAIN" }, { timerfd.read(t:fileno()) }, place)
      t:close()
    end)
  end)

  it("lets the loop go on while a task waits", function()
    sockets.run(function()
      local t = create()
      local ticks = 0
      local ticking = tl.every(0.001, function() ticks = ticks + 1 end)
      t:settime { initial = 0.01, interval = 0.01 }
      repeat -- a busy machine skips ticks
        local before = ticks
        assert.is_true(t:read() >= 1)
      until ticks - before >= 3
      ticking:cancel()
      t:close()
    end)
  end)

  it("is served by a timer that is set, or shortened, while it waits", function()
    sockets.run(function()
      local t = create()
      local reader = tl.spawn(function() return t:read() end)
      tl.sleep(0.001)
      t:settime { initial = 1000 }
      tl.sleep(0.001)
      t:settime { initial = 0.001 }
      assert.equal(1, reader:join())
      t:close()
    end)
  end)

  it("gives each expiration to one of several tasks", function()
    sockets.run(function()
      for _, of in ipairs { function(t) return t end, function(t) return t:fileno() end } do
        local t, got, tasks = create(), 0, {}
        for i = 1, 3 do
          tasks[i] = tl.spawn(function()
            local count = timerfd.read(of(t))
            got = got + count
          end)
        end
        for i = 1, 3 do
          t:settime { initial = 0.0005 }
          sockets.till(function() return got == i end, "expiration " .. i)
        end
        for _, task in ipairs(tasks) do task:join() end
        assert.equal(3, got)
        t:close()
      end
    end)
  end)

  it("ends with a limit, or when its task is cancelled, and can be repeated", function()
    sockets.run(function()
      for _, of in ipairs { function(t) return t end, function(t) return t:detach() end } do
        local fd = of(create())
        assert.same({ nil, "timeout", "ETIMEDOUT" }, { tl.timeout(0.001, timerfd.read, fd) })
        local task = tl.spawn(timerfd.read, fd)
        tl.sleep(0)
        task:cancel()
        assert.equal("ECANCELED", select(3, task:join()))
        timerfd.settime(fd, 0, 0.001, 0)
        assert.equal(1, timerfd.read(fd))
        assert.is_true(timerfd.close(fd))
      end
    end)
  end)

  it("gets an error when the descriptor is closed, by any name", function()
    sockets.run(function()
      for _, watched in ipairs { false, true } do
        for name, closer in pairs {
          method = function(t) t:close() end,
          object = function(t) timerfd.close(t) end,
          number = function(t) timerfd.close(t:fileno()) end,
          detach = function(t) timerfd.close(t:detach()) end,
        } do
          local t, tasks = create(), {}
          local fd = t:fileno()
          local watch = watched and assert(tl.watch(t, "r", function() end))
          for i = 1, 3 do tasks[i] = tl.spawn(timerfd.read, i == 3 and fd or t) end
          tl.sleep(0)
          if watch then watch:cancel() end
          closer(t)
          for _, task in ipairs(tasks) do
            assert.same({ nil, ("timerfd.read fd %d: the descriptor was closed"):format(fd),
              "EBADF" }, { task:join() }, name)
          end
          assert.is_true(t.closed)
        end
        local fd = create():detach()
        local tasks = { tl.spawn(timerfd.read, fd), tl.spawn(timerfd.read, fd) }
        tl.sleep(0)
        assert.is_true(timerfd.close(fd))
        for _, task in ipairs(tasks) do
          assert.equal("EBADF", select(3, task:join()))
        end
      end
    end)
  end)

  it("works beside a watch of the same descriptor", function()
    sockets.run(function()
      local t = create()
      local counts = 0
      local watch = assert(tl.watch(t, "r", function()
        local count = t:read()
        counts = counts + count
      end))
      t:settime { initial = 0.001, interval = 0.001 }
      local got = t:read()
      sockets.till(function() return counts >= 3 end)
      assert.is_true(got >= 1)
      watch:cancel()
      t:close()
    end)
  end)

  it("returns the kernel's failures for other descriptors", function()
    everywhere(function()
      assert.same({ nil, "timerfd.read fd 4000: bad file descriptor", "EBADF" },
        { timerfd.read(NONE) })
    end)
  end)

  it("does not keep the program running once no task waits", function()
    local r = support.run([[
      local tl, timerfd = require "timerlua", require "timerlua.timerfd"
      local t = timerfd.create(timerfd.CLOCK_MONOTONIC)
      t:settime { initial = 1000 }
      print(tl.timeout(0.001, t.read, t))
      local task = tl.spawn(t.read, t:fileno())
      tl.sleep(0)
      task:cancel()]])
    assert.same({ "nil\ttimeout\tETIMEDOUT\n", "", 0 }, { r.out, r.err, r.code })
  end)

  it("takes real time although time is virtual", function()
    local r = support.run({ "--virtual-time", "-e", [[
      local tl, timerfd = require "timerlua", require "timerlua.timerfd"
      local t = timerfd.create(timerfd.CLOCK_MONOTONIC)
      local before = tl.now()
      t:settime { initial = 0.001 }
      print(t:read(), tl.now() - before)]] })
    assert.same({ "1\t0\n", "", 0 }, { r.out, r.err, r.code })
  end)
end)

describe("a timer descriptor", function()
  it("is readable in an epoll set when it has expired", function()
    everywhere(function(place)
      local epoll = assert(kernel.epoll())
      local timers = { create(NONBLOCK), create(NONBLOCK), create(NONBLOCK) }
      for i, t in ipairs(timers) do
        assert(epoll:register(i == 1 and t:fileno() or t, kernel.EPOLLIN))
      end
      assert.same({}, epoll:poll(0), place)
      for i, t in ipairs(timers) do
        t:settime_ns { initial = 2000000LL * i, interval = 2000000LL * i }
      end
      local counts = { 0, 0, 0 }
      while counts[3] < 2 do
        for _, pair in ipairs(epoll:poll(5)) do
          assert.equal(kernel.EPOLLIN, pair[2])
          for i, t in ipairs(timers) do
            if pair[1] == t:fileno() then counts[i] = counts[i] + assert(t:read()) end
          end
        end
      end
      assert.is_true(counts[1] >= 6 and counts[2] >= 3, place)
      for _, t in ipairs(timers) do t:close() end
      epoll:close()
    end)
  end)

  it("is readable for a watch when it has expired", function()
    sockets.run(function()
      local t = create(NONBLOCK)
      local counts = {}
      local watch = assert(tl.watch(t, "r", function(watch, ready)
        assert.equal("r", ready)
        assert.equal(t:fileno(), watch.fd)
        counts[#counts + 1] = t:read()
      end))
      t:settime { initial = 0.001, interval = 0.001 }
      sockets.till(function() return #counts == 3 end)
      watch:cancel()
      t:close()
    end)
  end)

  it("is closed by close, which may be repeated, and then refuses all else", function()
    local t = create()
    assert.is_false(t.closed)
    assert.is_true(t:close())
    assert.is_true(t.closed)
    assert.is_true(t:close())
    assert.is_true(timerfd.close(t))
    for name, call in pairs { ["timerfd.settime"] = timerfd.settime,
      ["timerfd.settime_ns"] = t.settime_ns, ["timerfd.gettime"] = t.gettime,
      ["timerfd.gettime_ns"] = timerfd.gettime_ns, ["timerfd.read"] = t.read,
      ["timerfd:fileno"] = t.fileno, ["timerfd:detach"] = t.detach } do
      assert.equal(("HERE: timerlua.%s: the descriptor is closed"):format(name),
        support.raised(function() call(t) end))
    end
    assert.same({ nil, "timerfd.close fd 4000: bad file descriptor", "EBADF" },
      { timerfd.close(NONE) })
  end)

  it("is the caller's after detach", function()
    local t = create()
    local fd = t:detach()
    assert.is_true(t.closed)
    t = nil -- luacheck: ignore
    support.collect()
    assert.same({ 0, 0 }, { timerfd.gettime(fd) })
    assert.is_true(timerfd.close(fd))
    assert.equal("EBADF", select(3, timerfd.close(fd)))
  end)

  it("is closed when its object is garbage, read before or not", function()
    sockets.run(function()
      support.collect()
      local before = support.count_fds()
      local handles = sockets.stats().handles
      for i = 1, 20 do
        local t = create()
        t:settime { initial = 1e-6 }
        if i % 2 == 0 then assert.equal(1, t:read()) end
        if i % 4 == 0 then tl.timeout(0.0001, t.read, t) end
      end
      support.collect()
      assert.equal(before, support.count_fds())
      sockets.till(function()
        support.collect()
        return sockets.stats().handles <= handles
      end)
    end)
  end)

  it("stays while a task reads it, garbage or not", function()
    sockets.run(function()
      local function reader()
        local t = create()
        t:settime { initial = 0.003 }
        return t:read()
      end
      local task = tl.spawn(reader)
      tl.sleep(0)
      support.collect()
      assert.equal(1, task:join())
    end)
  end)

  it("costs no epoll_ctl when a task reads it again", function()
    sockets.run(function()
      local t = create()
      t:settime { initial = 1e-4, interval = 1e-4 }
      sockets.till(function()
        assert(t:read())
        return sockets.stats().controls > 0
      end)
      local before = sockets.stats().controls
      for _ = 1, 10 do assert(t:read()) end
      assert.equal(before, sockets.stats().controls)
      t:close()
    end)
  end)

  it("is left alone by a forked child that ends", function()
    local r = support.run([[
      local ffi = require "ffi"
      ffi.cdef "int fork(void); int waitpid(int, int *, int);"
      local tl, timerfd = require "timerlua", require "timerlua.timerfd"
      local t = timerfd.create(timerfd.CLOCK_MONOTONIC)
      tl.timeout(0.001, t.read, t)
      io.stdout:flush()
      if ffi.C.fork() == 0 then
        t = nil
        collectgarbage() collectgarbage()
        os.exit(0, true)
      end
      ffi.C.waitpid(-1, nil, 0)
      t:settime { initial = 0.001 }
      print(t:read())]])
    assert.same({ "1\n", "", 0 }, { r.out, r.err, r.code })
  end)

  it("leaves Ctrl-C to luajit while a read blocks", function()
    local r = support.shell(([[LD_PRELOAD="$SANITIZER_PRELOAD" timeout -s INT 0.3 luajit -e %s]])
      :format(support.quote [[
        local timerfd = require "timerlua.timerfd"
        local t = timerfd.create(timerfd.CLOCK_MONOTONIC)
        print(pcall(t.read, t))
      ]]), { timeout = 20 })
    assert.equal("", r.err)
    assert.truthy(r.out:find("interrupted!", 1, true), r.out)
  end)

  it("works from a plain luajit without the loop's module", function()
    local r = support.shell((support.sanitized and "LD_PRELOAD=\"$SANITIZER_PRELOAD\" " or "")
      .. "luajit -e " .. support.quote [[
      local timerfd = require "timerlua.timerfd"
      local t = assert(timerfd.create(timerfd.CLOCK_MONOTONIC))
      t:settime { initial = 0.001, interval = 0.001 }
      print(t:read() >= 1, t:close(), t.closed)]])
    assert.same({ "true\ttrue\ttrue\n", "", 0 }, { r.out, r.err, r.code })
  end)
end)
