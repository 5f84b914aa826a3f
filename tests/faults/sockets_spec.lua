-- Every system call of the socket path, and every allocation, fails in turn under a
-- server and a client (faults_scenario.lua): each failure is reported with its cause,
-- or changes nothing; no byte is lost silently or arrives twice; no descriptor and no
-- handle stays.
local faults = require "tests.support.faults"
local support = require "tests.support"

setup(faults.setup)
teardown(faults.teardown)

-- The errors that the manual page of each call names, and for connections tcp(7) too.
-- The errors of accept(2) that concern only a passing connection are separate: they end
-- nothing, and are not reported.
local ERRORS = {
  socket = "EACCES EAFNOSUPPORT EINVAL EMFILE ENFILE ENOBUFS ENOMEM EPROTONOSUPPORT",
  bind = "EACCES EADDRINUSE EBADF EINVAL ENOTSOCK EADDRNOTAVAIL EFAULT ELOOP ENAMETOOLONG "
    .. "ENOENT ENOMEM ENOTDIR EROFS",
  listen = "EADDRINUSE EBADF ENOTSOCK EOPNOTSUPP",
  accept4 = "EMFILE ENFILE ENOBUFS ENOMEM EBADF EINVAL EFAULT ENOTSOCK EOPNOTSUPP EAGAIN "
    .. "EINTR ECONNABORTED EPROTO EPERM ENETDOWN ENOPROTOOPT EHOSTDOWN ENONET EHOSTUNREACH "
    .. "ENETUNREACH",
  connect = "EACCES EPERM EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF "
    .. "ECONNREFUSED EFAULT EINPROGRESS EINTR EISCONN ENETUNREACH ENOTSOCK EPROTOTYPE "
    .. "ETIMEDOUT EHOSTUNREACH",
  recv = "EAGAIN EINTR ECONNRESET EBADF ECONNREFUSED EFAULT EINVAL ENOMEM ENOTCONN ENOTSOCK "
    .. "ETIMEDOUT EHOSTUNREACH",
  send = "EAGAIN EINTR EPIPE ECONNRESET EACCES EALREADY EBADF EDESTADDRREQ EFAULT EINVAL "
    .. "EISCONN EMSGSIZE ENOBUFS ENOMEM ENOTCONN ENOTSOCK EOPNOTSUPP ETIMEDOUT",
  shutdown = "ENOTCONN EBADF EINVAL ENOTSOCK",
  setsockopt = "EBADF EFAULT EINVAL ENOPROTOOPT ENOTSOCK ENOMEM EDOM",
  getsockopt = "EBADF EFAULT EINVAL ENOPROTOOPT ENOTSOCK ENOBUFS",
  getsockname = "EBADF EFAULT EINVAL ENOBUFS ENOTSOCK",
  getpeername = "EBADF EFAULT EINVAL ENOBUFS ENOTSOCK ENOTCONN",
  epoll_ctl = "ENOMEM ENOSPC EBADF EEXIST EINVAL ELOOP ENOENT EPERM",
  malloc = "ENOMEM", calloc = "ENOMEM", realloc = "ENOMEM",
}
ERRORS.sendmsg = ERRORS.send

local CALLS = {}
for name in pairs(ERRORS) do CALLS[#CALLS + 1] = name end
table.sort(CALLS)

local function words(list)
  local all = {}
  for word in list:gmatch("%S+") do all[#all + 1] = word end
  return all
end

local SCENARIOS = {
  { "tasks", "task level 127.0.0.1:0" },
  { "tasks, edge-triggered", "task edge 127.0.0.1:0" },
  { "callbacks", "callback level [::1]:0" },
  { "callbacks, edge-triggered", "callback edge 127.0.0.1:0" },
  { "much data", "big level 127.0.0.1:0" },
  { "much data, edge-triggered", "big edge 127.0.0.1:0" },
  { "a name", "task level localhost:0" },
  { "a Unix socket", "task level unix:PATH" },
  { "a Unix socket and callbacks", "callback edge unix:@PATH" },
  { "options and addresses", "questions level [::1]:0" },
}

local path

setup(function() path = support.shell("mktemp -u").out:match("[^\n]+") end)
teardown(function() os.remove(path) end)

local function play(scenario, call, n, code, options)
  local command = ("%s tests/faults/scenario.lua %s"):format(support.program,
    (scenario:gsub("PATH", path)))
  return faults.run_command(command, call, n, code, options)
end

-- Failures of one side that the other side notices; or, for a name with two addresses,
-- no listener at the remaining address.
local CONSEQUENCES = { ECONNREFUSED = true, EOF = true, ECONNRESET = true, EPIPE = true,
  EBADF = true, ENOTCONN = true }
-- The program's own word for it.
local WORDS = { EOF = "closed", ECONNRESET = "closed", EPIPE = "closed", EBADF = "closed" }

local function check_told(r, code, label)
  for what, name, message in r.out:gmatch("told (%l[%l ]-) (E%u+) ([^\n]*)") do
    assert.truthy(name == code or CONSEQUENCES[name], label .. ": another code: " .. what)
    local text = faults.codes[name] and faults.text(name) or ""
    assert.truthy(message:lower():find(text, 1, true) or message == WORDS[name],
      ("%s: %s says %s"):format(label, name, message))
  end
  assert.equal(tonumber(r.out:match("end (%d+)")),
    select(2, r.out:gsub("told %l[%l ]- E%u+ [^\n]+", "")), label .. ": no code\n" .. r.out)
end

-- A failure is reported, by the side where it happens or, if that side had closed
-- already, by the other; or everything arrives.
local function check_run(r, code, label)
  if r.out == "" then -- the loop itself could not be opened
    assert.truthy(r.err:lower():find(faults.text(code), 1, true) or
      r.err:find("no memory", 1, true), label .. "\n" .. r.err)
    assert.equal(1, select(2, r.err:gsub("\n", "")), label)
    return assert.equal(1, r.code, label)
  end
  assert.equal("", r.err, label)
  assert.equal(0, r.code, label)
  assert.equal("left 0 0", r.out:match("\n(left [^\n]*)"), label)
  assert.falsy(r.out:find("CLOSE", 1, true), label .. "\n" .. r.out)
  local arrived = r.out:match("arrived (beginning %l+)")
  local returned = r.out:match("returned (beginning %l+)")
  assert.truthy(arrived and returned, label .. ": bytes changed\n" .. r.out)
  check_told(r, code, label)
  if r.out:find("end 0", 1, true) then
    assert.equal("beginning whole", arrived, label)
    assert.equal("beginning whole", returned, label)
  end
end

-- The first calls, then ever fewer: they are alike. FAULTS=all takes three times as
-- many as there is time for in a run of all specs.
local first, factor = 3, 4
if os.getenv("FAULTS") == "all" then first, factor = 5, 2 end
if support.sanitized then first, factor = 2, 6 end

local function numbers(calls)
  local list, n = {}, 1
  while n <= calls do
    list[#list + 1] = n
    n = n < first and n + 1 or math.floor(n * factor)
  end
  return list
end

local used = {} -- errors by call; the scenarios use them in turn

local function next_code(call)
  local codes = words(ERRORS[call])
  used[call] = (used[call] or 0) + 1
  return codes[(used[call] - 1) % #codes + 1]
end

describe("with", function()
  for _, scenario in ipairs(SCENARIOS) do
    local name, arguments = unpack(scenario)
    for _, call in ipairs(CALLS) do
      it(("%s: each %s that fails is told, or changes nothing"):format(name, call), function()
        local is_memory = ERRORS[call] == "ENOMEM"
        if is_memory and support.sanitized then
          return pending("the sanitizers' allocator is in between")
        end
        local plain = play(arguments, call, 0, "EINVAL")
        check_run(plain, "none", name)
        if plain.calls == 0 then return end
        for _, n in ipairs(numbers(plain.calls)) do
          local code = next_code(call)
          local label = ("%s: %s %d %s"):format(arguments, call, n, code)
          check_run(play(arguments, call, n, code), code, label)
        end
      end)
    end

    it(name .. ": interrupted at every call, and again", function()
      for _, storm in ipairs { 1, 3, 50 } do
        local r = play(arguments, "none", 0, "EINTR", { storm = storm })
        check_run(r, "none", name .. ", storm of " .. storm)
        assert.truthy(r.out:find("end 0", 1, true), r.out)
      end
    end)

    it(name .. ": a few bytes at a time", function()
      local is_big = arguments:find("^big")
      for _, most in ipairs(is_big and { 4099, 65535 } or { 1, 7, 4099 }) do
        local r = play(arguments, "none", 0, "EINTR", { most = most, timeout = 30 })
        check_run(r, "none", ("%s, %d bytes"):format(name, most))
        assert.truthy(r.out:find("end 0", 1, true), r.out)
      end
    end)
  end

  it("one server, for the errors that were not in turn yet", function()
    if support.sanitized then return pending("a sample is enough there") end
    for _, call in ipairs(CALLS) do
      local scenario = SCENARIOS[call:find("^get") and #SCENARIOS or 1][2]
      while (used[call] or 0) < #words(ERRORS[call]) do
        local code = next_code(call)
        check_run(play(scenario, call, 1, code), code, call .. " 1 " .. code)
      end
    end
  end)
end)

describe("a socket that epoll refuses to watch", function()
  it("fails with that error; only a file is always ready instead", function()
    local SCRIPT = [[
      local tl = require "timerlua"
      local listener = assert(tl.listen("127.0.0.1:0", function() end))
      local _, _, code = tl.connect(listener:sock(), { timeout = 5 })
      io.write("then ", tostring(code), "\n")
      os.exit(0)
    ]]
    local told = {}
    for n = 1, 8 do
      local r = faults.run(SCRIPT, "epoll_ctl", n, "EPERM")
      assert.not_equal(124, r.code, n)
      told[r.out:match("then (%S+)") or "not run"] = true
    end
    assert.same({ EPERM = true, ["nil"] = true, ["not run"] = true }, told)
  end)
end)
