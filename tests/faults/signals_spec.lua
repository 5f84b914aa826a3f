-- The n-th call that signals and daemons need fails: the failure is reported, with the
-- cause; nothing is leaked, and the mask is as before.
local faults = require "tests.support.faults"
local support = require "tests.support"

setup(faults.setup)
teardown(faults.teardown)

-- Listens to two signals and takes one of each; refusals are reported, the calls are
-- repeated, and then nothing may be left.
local SIGNALS = [[
  local tl = require "timerlua"
  local ffi = require "ffi"
  ffi.cdef "int kill(int, int); int getpid(void); int fcntl(int, int, ...);"
  local function mask()
    local file = io.open("/proc/self/status")
    local text = file:read("*a")
    file:close()
    return text:match("SigBlk:%s*(%x+)")
  end
  local function fds()
    local count = 0
    for fd = 0, 63 do if ffi.C.fcntl(fd, 1) >= 0 then count = count + 1 end end
    return count
  end
  repeat tl.sleep(0.001) until tl.stats().timerfd_sets > 0
  local before, open, handles = mask(), fds(), tl.stats().handles
  local function listen(...)
    local s, message, code = tl.signal(...)
    if s then return s end
    io.write(message, " ", code, "\n")
    assert(#tl.handles() <= 3)
    return assert(tl.signal(...))
  end
  local ran = 0
  local function run() ran = ran + 1 end
  local a, b = listen({ "USR1", "USR2" }, run), listen("RTMIN", run)
  for _, number in ipairs { 10, 12, 34 } do ffi.C.kill(ffi.C.getpid(), number) end
  local deadline = tl.now() + 5
  while ran < 3 and tl.now() < deadline do tl.sleep(0.001) end
  a:cancel() b:cancel()
  io.write(ran, " ", tostring(mask() == before), " ", fds() - open, " ",
    tl.stats().handles - handles)]]

describe("signals, with", function()
  local function check(call, codes, all_told)
    local plain = faults.run(SIGNALS, call, 0, "EINVAL")
    assert.equal("", plain.err)
    assert.equal("3 true 0 0", plain.out)
    assert.is_true(plain.calls >= 1)
    local told = 0
    for n = 1, plain.calls do
      for _, code in ipairs(codes) do
        local label = ("%s %d %s"):format(call, n, code)
        local r = faults.run(SIGNALS, call, n, code)
        assert.equal("", r.err, label)
        assert.equal(0, r.code, label)
        assert.equal("3 true 0 0", r.out:match("[^\n]*$"), label)
        for line in r.out:gmatch("([^\n]*)\n") do
          told = told + 1
          assert.truthy(line:find("^signal SIG[%w+]+: " .. faults.text(code) .. " " .. code .. "$")
            or line:find("^watch fd %d+: " .. faults.text(code) .. " " .. code .. "$"), line)
        end
      end
    end
    assert.is_true(told >= all_told, ("%s: told %d times"):format(call, told))
  end

  it("each signalfd that fails", function()
    check("signalfd", { "EMFILE", "ENFILE", "ENOMEM" }, 9)
  end)

  it("each pthread_sigmask that fails where it would block", function()
    -- the last three unblock, which cannot fail with these arguments
    local plain = faults.run(SIGNALS, "pthread_sigmask", 0, "EINVAL")
    assert.equal(6, plain.calls)
    for n = 1, 3 do
      local r = faults.run(SIGNALS, "pthread_sigmask", n, "EINVAL")
      assert.truthy(r.out:find("^signal SIG[%w+]+: invalid argument EINVAL\n3 true 0 0$"), r.out)
    end
  end)

  it("each epoll_ctl that fails", function()
    local r = faults.run(SIGNALS, "epoll_ctl", 3, "ENOSPC")
    assert.truthy(r.out:find("^watch fd %d+: no space left on device ENOSPC\n3 true 0 0$"), r.out)
  end)

  for _, call in ipairs { "malloc", "calloc", "realloc" } do
    it("each " .. call .. " that fails", function()
      if support.sanitized then return pending("the sanitizers' allocator is in between") end
      local plain = faults.run(SIGNALS, call, 0, "ENOMEM")
      for n = 1, plain.calls or 0 do
        local r = faults.run(SIGNALS, call, n, "ENOMEM")
        if r.code == 0 then
          assert.equal("3 true 0 0", r.out:match("[^\n]*$"), ("%s %d"):format(call, n))
        else -- the loop or Lua itself had none
          assert.truthy(r.err:find("[Cc]annot allocate memory") or r.err:find("no memory")
            or r.err:find("not enough memory"), r.err)
        end
      end
    end)
  end

  it("an interruption of every call, and again", function()
    for _, storm in ipairs { 1, 3, 50 } do
      local r = faults.run(SIGNALS, "none", 0, "EINTR", { storm = storm })
      assert.equal("3 true 0 0", r.out)
      assert.equal("", r.err)
    end
  end)
end)

describe("tl.notify, with", function()
  local SCRIPT = [[
    local tl = require "timerlua"
    local ffi = require "ffi"
    ffi.cdef "int setenv(const char *, const char *, int);"
    local manager = tl.udp("unix:", function(socket, text) print(text) socket:close() end)
    ffi.C.setenv("NOTIFY_SOCKET", (manager:sock():gsub("^unix:", "")), 1)
    local told, message, code = tl.notify { status = "x" }
    if not told then
      print(tostring(told), (message:gsub("@%x+", "@")), code)
      assert(tl.notify { status = "x" })
    end]]

  it("each call of its socket that fails", function()
    for call, codes in pairs { socket = { "EMFILE", "ENFILE", "ENOMEM", "ENOBUFS" },
      sendto = { "ECONNREFUSED", "EACCES", "ENOBUFS" } } do
      -- the first socket is the manager's own
      local n = faults.run(SCRIPT, call, 0, "EINVAL").calls
      for _, code in ipairs(codes) do
        local r = faults.run(SCRIPT, call, n, code)
        assert.equal("", r.err)
        assert.equal(("nil\tnotify @: %s\t%s\nSTATUS=x\n"):format(faults.text(code), code), r.out)
      end
    end
    local r = faults.run(SCRIPT, "sendto", 1, "EAGAIN", { times = 3 })
    assert.equal("STATUS=x\n", r.out)
    assert.equal("STATUS=x\n", faults.run(SCRIPT, "sendto", 1, "EINTR", { times = 3 }).out)
  end)
end)

describe("--pid-file, with", function()
  local folder, path

  setup(function()
    folder = support.shell("mktemp -d").out:match("[^\n]+")
    path = folder .. "/x.pid"
  end)

  teardown(function() support.shell("rm -rf " .. folder) end)

  local function run(call, n, code, options)
    return faults.run_command(("%s --pid-file=%s -e 'io.write(\"ran\")'"):format(support.program,
      path), call, n, code, options)
  end

  it("each call of its file that fails, and no file is left", function()
    for call, codes in pairs { flock = { "ENOLCK" }, link = { "EPERM", "EROFS" },
      write = { "ENOSPC" }, rename = { "EACCES" } } do
      for _, code in ipairs(codes) do
        if call == "rename" then support.write(path, "1\n") end -- a file to be replaced
        local r = run(call, 1, code)
        local cause = ("timerlua: --pid-file %s: %s\n"):format(path, faults.text(code))
        assert.equal(cause, r.err, call)
        assert.equal("", r.out)
        assert.equal(1, r.code)
        os.remove(path)
        assert.equal("", support.shell("ls " .. folder).out, call)
      end
    end
  end)

  it("an interrupted lock is tried again", function()
    local r = run("flock", 1, "EINTR", { times = 5 })
    assert.equal("", r.err)
    assert.equal("ran", r.out)
    assert.equal("", support.shell("ls " .. folder).out)
  end)
end)
