-- Timer descriptors and limits under calls that fail: each failure is returned as a
-- value, and nothing is leaked.
local faults = require "tests.support.faults"
local support = require "tests.support"

setup(faults.setup)
teardown(faults.teardown)

-- Each line of the output has one call's results; `t` is a stopped timer.
local PRELUDE = [[
  local tl, timerfd = require "timerlua", require "timerlua.timerfd"
  local limits = require "timerlua.limits"
  local t, message, code = timerfd.create(timerfd.CLOCK_MONOTONIC]]

local function says(expected, script, call, n, code, options)
  options = options or {}
  local r = faults.run(PRELUDE .. (options.flags or "") .. ")\n" .. script, call, n, code,
    options)
  assert.equal("", r.err)
  assert.equal(expected .. "\n", r.out)
  assert.equal(0, r.code)
end

describe("a failure of", function()
  it("timerfd_create is returned with the clock", function()
    for _, code in ipairs { "EMFILE", "ENFILE", "ENODEV", "ENOMEM", "EPERM" } do
      says(("nil\ttimerfd.create(CLOCK_MONOTONIC): %s\t%s"):format(faults.text(code), code),
        "print(t, message, code)", "timerfd_create", 2, code)
    end
    says("nil\ttimerfd.create(CLOCK_BOOTTIME_ALARM): operation not permitted\tEPERM",
      "print(timerfd.create(timerfd.CLOCK_BOOTTIME_ALARM))", "timerfd_create", 3, "EPERM")
  end)

  it("timerfd_settime is returned, and the timer is as before", function()
    for name, number in pairs { settime = "0", settime_ns = "0LL" } do
      for _, code in ipairs { "ECANCELED", "EINVAL", "EPERM" } do
        local fails = ("print(t:%s { initial = 1000 })"):format(name)
        says(("nil\ttimerfd.%s fd 6: %s\t%s\n%s\t%s"):format(name, faults.text(code), code,
          number, number), fails .. "\n" .. fails, "timerfd_settime", 1, code)
      end
    end
  end)

  it("timerfd_gettime is returned", function()
    says("nil\ttimerfd.gettime fd 6: bad file descriptor\tEBADF\n0LL\t0LL",
      "print(t:gettime()) print(t:gettime_ns())", "timerfd_gettime", 1, "EBADF")
    says("nil\ttimerfd.gettime_ns fd 6: bad file descriptor\tEBADF\n0\t0",
      "print(t:gettime_ns()) print(t:gettime())", "timerfd_gettime", 1, "EBADF")
  end)

  it("read is returned, a step of the clock as ECANCELED, and the next read goes on", function()
    for _, flags in ipairs { "", ", { nonblock = true }" } do
      for _, code in ipairs { "ECANCELED", "EBADF", "ENOMEM" } do
        says(("nil\ttimerfd.read fd 6: %s\t%s\n1"):format(faults.text(code), code), [[
          t:settime { initial = 0.001 }
          require("timerlua.byhand.readiness").block(t:fileno(), "r")
          print(t:read()) print(t:read())]], "read", 1, code, { flags = flags })
      end
    end
  end)

  it("read with a signal's EINTR is repeated", function()
    says("1", "t:settime { initial = 0.001 } print(t:read())", "read", 1, "EINTR",
      { times = 3 })
  end)

  it("poll is returned, and with EINTR it is repeated", function()
    says("nil\ttimerfd.read fd 6: cannot allocate memory\tENOMEM\n1",
      "t:settime { initial = 0.001 } print(t:read()) print(t:read())", "poll", 1, "ENOMEM")
    says("1", "t:settime { initial = 0.001 } print(t:read())", "poll", 1, "EINTR")
  end)

  it("fcntl is returned", function()
    local before = faults.run("", "fcntl", 0, "EBADF").calls -- of the program's start
    says("nil\ttimerfd.read fd 6: bad file descriptor\tEBADF", "print(t:read())", "fcntl",
      before + 1, "EBADF")
  end)

  it("epoll_ctl ends a task's read, and the next one goes on", function()
    for _, of in ipairs { "t", "t:detach()" } do
      says("nil\ttimerfd.read fd 6: no space left on device\tENOSPC\n1", ([[
        local fd = %s
        timerfd.settime(fd, 0, 0.3)
        print(tl.spawn(timerfd.read, fd):join()) print(timerfd.read(fd))]]):format(of),
        "epoll_ctl", 3, "ENOSPC")
    end
  end)

  it("malloc and realloc is returned or raised, never a crash", function()
    local script = PRELUDE .. [[)
      local function attempt(fn, ...)
        local ok, result, message = pcall(fn, ...)
        print(ok, result, message)
      end
      t:settime { initial = 0.001 }
      attempt(t.read, t)
      local task = tl.spawn(t.read, t:fileno())
      tl.sleep(0)
      t:close()
      attempt(task.join, task)]]
    for _, call in ipairs { "malloc", "realloc", "calloc" } do
      local calls = faults.run(script, call, 0, "ENOMEM").calls
      for n = 1, calls do
        local r = faults.run(script, call, n, "ENOMEM")
        assert.is_true(r.code == 0 or r.code == 1, call .. " " .. n .. ": " .. r.code)
        if r.code == 1 then
          assert.truthy(r.err:lower():find("memory", 1, true), r.err)
        end
      end
    end
  end)

  it("getrlimit and setrlimit is returned", function()
    says("nil\tlimits.nofile: bad address\tEFAULT", "print(limits.nofile())", "getrlimit", 1,
      "EFAULT")
    says("nil\tlimits.nofile(64): bad address\tEFAULT", "print(limits.nofile(64))", "getrlimit",
      1, "EFAULT")
    says("nil\tlimits.nofile(64): operation not permitted\tEPERM", "print(limits.nofile(64))",
      "setrlimit", 1, "EPERM")
  end)
end)

describe("limits.nofile", function()
  -- a shell whose limits are 64 and 128, without the right to raise the second
  local BEFORE = "ulimit -S -n 64; ulimit -H -n 128; "

  local function run(script, before)
    local r = support.run('local limits = require "timerlua.limits"\n' .. script,
      { before = before or BEFORE })
    assert.equal("", r.err)
    return r.out
  end

  it("gives both limits, and raises and lowers the first", function()
    assert.equal("64\t128\n100\t128\n100\t128\n32\t128\n", run [[
      print(limits.nofile())
      print(limits.nofile(100))
      print(limits.nofile())
      print(limits.nofile(32))]])
  end)

  it("is the limit on descriptors", function()
    assert.equal("EMFILE\t63\t64\n", run [[
      local timerfd, all, code = require "timerlua.timerfd", {}
      for i = 1, 128 do
        all[i], _, code = timerfd.create(1)
        if not all[i] then break end
      end
      limits.nofile(65)
      print(code, all[#all]:fileno(), timerfd.create(1):fileno())]])
  end)

  it("raises the second too, or says that it may not", function()
    local out = run "print(limits.nofile(2000))"
    assert.is_true(out == "2000\t2000\n" or out
      == "nil\tlimits.nofile(2000): operation not permitted\tEPERM\n", out)
  end)

  it("refuses values that are not numbers of descriptors", function()
    local limits = require "timerlua.limits"
    for _, value in ipairs { -1, 1.5, 1 / 0, 0 / 0, "64", {} } do
      assert.truthy(support.raised(function() limits.nofile(value) end):find(
        "^HERE: timerlua.limits.nofile: a limit must be a whole number from 0 to 2%^53, got "))
    end
  end)
end)
