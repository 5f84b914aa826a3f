-- The n-th call of a system call or allocator fails: the result is a clear error and
-- the right status, never a crash, a hang or a leak.
local faults = require "tests.support.faults"
local support = require "tests.support"

local quote = support.quote

local run_command, run = faults.run_command, faults.run

setup(faults.setup)
teardown(faults.teardown)

local function count(call, script)
  local r = run(script, call, 0, "ENOMEM")
  assert.equal("", r.err)
  assert.equal(0, r.code)
  return r.calls
end

local function assert_fails(pattern, r)
  assert.equal("timerlua: ", r.err:sub(1, 10))
  assert.truthy(r.err:match("^[^\n]*"):find(pattern), r.err)
  assert.equal(1, r.code)
end

local SLEEP = [[require("timerlua").sleep(0.001) io.write("slept")]]

describe("opening the loop", function()
  it("that fails is one message with the cause, and status 1", function()
    for _, case in ipairs { { "epoll_create1", 1 }, { "eventfd", 1 }, { "epoll_ctl", 1 },
      { "timerfd_create", 1 }, { "epoll_ctl", 2 } } do
      local r = run(SLEEP, case[1], case[2], "EMFILE")
      assert.equal("", r.out)
      assert_fails("opening the loop: [Tt]oo many open files %(EMFILE%)$", r)
      assert.equal(1, select(2, r.err:gsub("\n", "")))
      assert.equal(case[2], r.calls)
    end
  end)

  it("from a plain luajit raises in require, leaks nothing, and may be repeated", function()
    local script = [[
      local ffi = require "ffi"
      ffi.cdef "int fcntl(int, int, ...);"
      local function fds()
        local count = 0
        for fd = 0, 63 do if ffi.C.fcntl(fd, 1) >= 0 then count = count + 1 end end
        return count
      end
      local before = fds()
      local ok, err = pcall(require, "timerlua")
      io.write(tostring(ok), " ", fds() - before, " ", tostring(err), "\n")
      for name in pairs(package.loaded) do
        if name:find("^timerlua") then package.loaded[name] = nil end
      end
      local tl = require "timerlua"
      io.write(tostring(tl.sleep(0.001)))]]
    for _, call in ipairs { "epoll_create1", "eventfd", "epoll_ctl", "timerfd_create" } do
      local r = run_command("luajit -e " .. quote(script),
        call, 1, "EMFILE", { sanitizer = true })
      assert.equal("", r.err)
      assert.equal("false 0 ", r.out:match("^%S+ %S+ "))
      assert.truthy(r.out:find("opening the loop: [Tt]oo many open files %(EMFILE%)"), r.out)
      assert.equal("true", r.out:match("[^\n]*$"))
      assert.equal(0, r.code)
    end
  end)
end)

describe("waiting", function()
  it("that fails is a message with the cause, and status 1", function()
    for _, case in ipairs {
      { "timerfd_settime", 1, "EINVAL" }, { "epoll_wait", 1, "ENOMEM" },
      { "epoll_wait", 1, "EBADF" } } do
      local r = run(SLEEP, case[1], case[2], case[3])
      assert.equal("", r.out)
      assert_fails("waiting: .* %(" .. case[3] .. "%)$", r)
    end
  end)

  it("that fails later, with other clocks, is reported as well", function()
    local script = [[
      local tl = require "timerlua"
      tl.sleep(0.001)
      tl.at(tl.time() + 0.001, function() end)
      tl.sleep(0.002)
      tl.timer { after = 0.001, clock = "boottime", fn = function() end }
      tl.sleep(0.002)
      tl.every(0.001, function(t) if t.runs == 3 then t:cancel() end end)]]
    for _, call in ipairs { "timerfd_settime", "epoll_wait" } do
      local calls = count(call, script)
      assert.truthy(calls >= 3, call .. " was called " .. calls .. " times")
      for n = 1, calls do
        local r = run(script, call, n, "ENOMEM")
        if r.calls < n then -- timers that came due together this time
          assert.is_true(n > 3)
          assert.same({ "", 0 }, { r.err, r.code })
        else
          assert_fails("waiting: .* %(ENOMEM%)$", r)
        end
      end
    end
  end)

  it("without another clock is told where that clock is asked for, and goes on", function()
    local script = [[
      local tl = require "timerlua"
      local function show(timer, _, code) io.write(timer and "timer" or code, " ") end
      show(tl.at(tl.time() + 0.001, function() end))
      tl.sleep(0.002)
      show(tl.timer { after = 0.001, clock = "boottime", fn = function() end })
      tl.sleep(0.001)
      io.write "end"]]
    for call, first in pairs { timerfd_create = 2, epoll_ctl = 3 } do
      for n, shown in ipairs { "ENOMEM timer end", "timer ENOMEM end" } do
        local r = run(script, call, first + n - 1, "ENOMEM")
        assert.same({ shown, "", 0 }, { r.out, r.err, r.code }, call)
      end
    end
  end)

  it("that is interrupted goes on, for the time left", function()
    local script = [[
      local tl = require "timerlua"
      local start = tl.now()
      tl.sleep(0.005)
      local slept = tl.now() - start
      local ticks = 0
      tl.every(0.001, function(t)
        ticks = ticks + 1
        if ticks < 3 then return end
        t:cancel()
        io.write(slept >= 0.005 and "full " or slept, ticks)
      end)
      tl.sleep(0.01)]]
    local calls = count("epoll_wait", script)
    assert.truthy(calls >= 4)
    for n = 1, calls do
      local r = run(script, "epoll_wait", n, "EINTR")
      assert.equal("", r.err)
      assert.equal("full 3", r.out)
      assert.equal(0, r.code)
    end
  end)

  it("goes on when the wall clock's timer cannot be read", function()
    local script = [[
      local tl = require "timerlua"
      for i = 1, 3 do
        tl.at(tl.time() + i / 1000, function() io.write(i) end)
      end
      tl.on("clock_jump", function(seconds) io.write("jump ", seconds) end)]]
    local calls = count("read", script)
    assert.truthy(calls >= 1)
    for n = 1, calls do
      for _, code in ipairs { "EINTR", "EBADF" } do
        local r = run(script, "read", n, code)
        assert.equal("", r.err)
        assert.equal("123", r.out)
        assert.equal(0, r.code)
      end
    end
  end)
end)

describe("watching a descriptor", function()
  it("that the kernel refuses returns nil, message and code, and leaks nothing", function()
    local script = [[
      local tl = require "timerlua"
      local ffi = require "ffi"
      ffi.cdef "int pipe(int fds[2]); long write(int, const void *, size_t);"
      local fds = ffi.new("int[2]")
      ffi.C.pipe(fds)
      local before = tl.stats().handles
      local watch, message, code = tl.watch(fds[0], "r", print)
      io.write(tostring(watch), " ", message:gsub("%d+", "N"), " ", code, " ",
        tl.stats().handles - before, "\n")
      tl.watch(fds[0], "r", function(self) io.write("ready") self:cancel() end)
      ffi.C.write(fds[1], "x", 1)]]
    local r = run(script, "epoll_ctl", 3, "ENOSPC")
    assert.equal("", r.err)
    assert.equal("nil watch fd N: no space left on device ENOSPC 0\nready", r.out)
    assert.equal(0, r.code)
    r = run(script, "epoll_ctl", 3, "ENOMEM")
    assert.equal("nil watch fd N: cannot allocate memory ENOMEM 0\nready", r.out)
    assert.equal(0, r.code)
  end)
end)

describe("a lack of memory", function()
  -- Arms enough of everything that every table of the core has to grow, and notes every
  -- refusal. In the end, everything that was promised has run, and nothing is left.
  local SCRIPT = [[
    local tl = require "timerlua"
    local promised, kept, refused = 0, 0, 0
    local function note(made, message, code)
      if made then
        promised = promised + 1
        return made
      end
      assert(code == "ENOMEM", tostring(message))
      assert(message:find(": cannot allocate memory", 1, true), message)
      refused = refused + 1
    end
    local function run() kept = kept + 1 end
    local function guarded(fn, ...)
      local ok, result = pcall(fn, ...)
      if ok then return result end
      assert(tostring(result):find(": cannot allocate memory", 1, true), result)
      refused = refused + 1
    end
    local spare = {}
    for i = 1, 3000 do
      note(tl.after(i % 7 / 1000, run))
      spare[i] = tl.after(i % 5 * 1000 + 1, run) or nil
      if not spare[i] then refused = refused + 1 end
    end
    for i = 1, 50 do
      note(tl.every(0.001, function(t) t:cancel() run() end))
      note(tl.at(tl.time() + i / 10000, run))
      if guarded(tl.spawn, run) then promised = promised + 1 end
    end
    for i, t in pairs(spare) do
      local ok, message, code = t:reset(0.002)
      if not ok then
        assert(code == "ENOMEM", message)
        refused = refused + 1
        t:cancel()
      elseif i % 2 == 0 then
        promised = promised + 1
      else
        t:cancel()
      end
    end
    for _ = 1, 3 do guarded(tl.sleep, 0.01) end
    tl.run()
    io.write(promised - kept, " ", refused, " ", tl.stats().handles)]]

  for _, call in ipairs { "malloc", "calloc", "realloc" } do
    it("at any " .. call .. " is told, keeps every promise and leaks nothing", function()
      if support.sanitized then return pending("the sanitizers' allocator is in between") end
      local calls = count(call, SCRIPT)
      assert.truthy(calls >= 1, call .. " is never called")
      local refused, broke = 0, 0
      -- all of the first calls, then ever fewer: they are alike
      local n = 1
      while n <= calls do
        local r = run(SCRIPT, call, n, "ENOMEM")
        if r.code == 0 then
          assert.equal("", r.err)
          local left, times, handles = r.out:match("^(%-?%d+) (%d+) (%d+)$")
          assert.equal("0", left, ("%s %d: promises not kept"):format(call, n))
          assert.equal("0", handles, ("%s %d: handles left"):format(call, n))
          refused = refused + tonumber(times)
        else
          assert_fails("[Nn]o memory", { code = r.code,
            err = r.err:gsub("[Cc]annot allocate memory", "no memory") })
          broke = broke + 1
        end
        n = n < 50 and n + 1 or math.floor(n * 1.3)
      end
      assert.truthy(refused + broke >= 1, "no failure of " .. call .. " was told")
    end)
  end
end)
