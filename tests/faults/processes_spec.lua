-- Every system call by which children are started, ended and reaped fails in turn, and
-- every allocation: each failure is reported with its cause, or changes nothing; no
-- descriptor, handle or child stays.
local faults = require "tests.support.faults"
local support = require "tests.support"

setup(faults.setup)
teardown(faults.teardown)

-- The errors that the manual page of each call names, as far as they can happen here.
local ERRORS = {
  clone = "EAGAIN ENOMEM EPERM ENOSPC EMFILE ENFILE EINVAL",
  pipe2 = "EMFILE ENFILE ENOMEM",
  fcntl = "EBADF EMFILE EINVAL EPERM",
  open = "EMFILE ENFILE EACCES ENOENT ENOMEM",
  dup2 = "EBADF EMFILE EINTR",
  setsid = "EPERM",
  setpgid = "EPERM EACCES ESRCH",
  setpriority = "EACCES EPERM ESRCH",
  setrlimit = "EINVAL EPERM",
  chdir = "EACCES EIO ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR",
  setgroups = "ENOMEM EINVAL",
  setgid = "EINVAL EPERM",
  setuid = "EAGAIN EINVAL EPERM",
  execve = "E2BIG EACCES EINVAL EIO ELOOP EMFILE ENAMETOOLONG ENFILE ENOENT ENOEXEC ENOMEM "
    .. "ENOTDIR EPERM ETXTBSY EAGAIN",
  wait4 = "EINTR ECHILD",
  pidfd_send_signal = "EPERM ESRCH",
  kill = "EPERM ESRCH",
  ppoll = "EINTR ENOMEM",
  epoll_ctl = "ENOMEM ENOSPC",
  malloc = "ENOMEM", calloc = "ENOMEM", realloc = "ENOMEM",
}

-- The errors of a pipe that broke on our side.
local CONSEQUENCES = { EBADF = true }

local function check_run(r, code, label)
  if r.out == "" then -- the loop itself could not be opened
    assert.equal(1, r.code, label)
    return assert.truthy(r.err:lower():find "memory" or r.err:find(code, 1, true), label)
  end
  label = label .. "\n" .. r.out .. r.err
  if r.err:find("^timerlua: timerlua.run: waiting: [^\n]*%(" .. code .. "%)\n$") then
    return assert.equal(1, r.code, label) -- the loop's own descriptors; which, is a matter of time
  end
  assert.equal("", r.err, label)
  assert.equal(0, r.code, label)
  assert.falsy(r.out:find("WRONG", 1, true), label)
  assert.equal("left 0 0", r.out:match("\n(left [^\n]*)"), label)
  if not r.out:find("lost", 1, true) then
    assert.equal("children none", r.out:match("\n(children [^\n]*)"), label)
  end
  local told = 0
  for name in r.out:gmatch("told %l[%l ]- (E%w+) [^\n]+") do
    told = told + 1
    assert.truthy(code == name or CONSEQUENCES[name], label)
  end
  assert.equal(tonumber(r.out:match("end (%d+)")), told, label .. ": no code")
end

local command = support.program .. " tests/faults/children.lua"

describe("children", function()
  for call, list in pairs(ERRORS) do
    it(("each %s that fails is told, or changes nothing"):format(call), function()
      if list == "ENOMEM" and support.sanitized then
        return pending("the sanitizers' allocator is in between")
      end
      local plain = faults.run_command(command, call, 0, "EINVAL")
      check_run(plain, "none", "plain")
      assert.is_true(plain.calls > 0, call .. " is never called")
      local codes = {}
      for code in list:gmatch("%S+") do codes[#codes + 1] = code end
      local step = math.max(1, math.floor(plain.calls / 24))
      for n = 1, math.max(plain.calls, #codes), step do
        local code = codes[(n - 1) % #codes + 1]
        local place = (n - 1) % plain.calls + 1
        check_run(faults.run_command(command, call, place, code), code,
          ("%s %d %s"):format(call, place, code))
      end
    end)
  end

  it("that cannot be started without descriptors are reported, and all is closed", function()
    local r = support.shell("ulimit -n 20; " .. support.program .. " -e " .. support.quote [[
      local tl = require "timerlua"
      local list, message, code = {}, nil, nil
      while true do
        local p
        p, message, code = tl.exec({ "cat" }, { stdin = "pipe", stdout = "pipe" })
        if not p then break end
        list[#list + 1] = p
      end
      print(#list > 1, message, code)
      for _, p in ipairs(list) do
        p.stdin:close()
        p.stdout:close()
        p:wait()
      end
      print(assert(tl.run { "echo", "again" }).stdout)]])
    assert.truthy(r.out:find("^true\texec cat:[ %l]*:? too many open files\tEMFILE\nagain\n"),
      r.out .. r.err)
    assert.equal("", r.err)
  end)
end)
