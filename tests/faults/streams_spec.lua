-- Every system call of pipes, socket pairs, files and standard streams, and every
-- allocation, fails in turn: the failure is reported with its cause or changes nothing,
-- no byte arrives twice or out of order, no descriptor and no handle stays.
local faults = require "tests.support.faults"
local support = require "tests.support"

setup(faults.setup)
teardown(faults.teardown)

-- The errors that the manual page of each call names.
local ERRORS = {
  read = { "EAGAIN", "EBADF", "EFAULT", "EINTR", "EINVAL", "EIO", "EISDIR" },
  writev = { "EAGAIN", "EBADF", "EFAULT", "EFBIG", "EINTR", "EINVAL", "EIO", "ENOSPC", "EPERM",
    "EPIPE" },
  pipe2 = { "EMFILE", "ENFILE", "EINVAL", "EFAULT" },
  socketpair = { "EMFILE", "ENFILE", "EAFNOSUPPORT", "EOPNOTSUPP", "EPROTONOSUPPORT", "EFAULT" },
  open = { "EACCES", "EMFILE", "ENFILE", "ENOENT", "ENXIO", "ENOMEM" },
  fcntl = { "EBADF", "EMFILE", "EINVAL" },
  epoll_ctl = { "EBADF", "EINVAL", "ENOMEM", "ENOSPC", "EPERM" },
  malloc = { "ENOMEM" }, calloc = { "ENOMEM" }, realloc = { "ENOMEM" },
}

-- Both ends of a pipe, of a socket pair, and of the standard streams: each prints the
-- failures reported to it; the received bytes must be a beginning of the sent ones.
local SCRIPT = [[
local tl = require "timerlua"
local ffi = require "ffi"
ffi.cdef "int isatty(int fd);"
local function descriptors()
  local count = 0
  for fd = 0, 127 do
    if ffi.C.isatty(fd) == 1 or ffi.errno() ~= 9 then count = count + 1 end
  end
  return count
end
local told = {}
local function note(result, message, third, code)
  if result == nil then
    if type(third) == "string" and third:match("^E%u+$") then code = third end
    told[#told + 1] = tostring(code) .. " " .. tostring(message)
  end
  return result
end
local text = {}
for i = 1, 30000 do text[i] = ("%07d\n"):format(i) end
text = table.concat(text)
local function carry(reader, writer)
  local got = {}
  local sender = tl.spawn(function()
    for at = 1, #text, 50000 do
      if not note(writer:send(text, at, math.min(at + 49999, #text))) then break end
    end
    note(writer:flush())
    writer:close()
  end)
  while true do
    local bytes, err, partial, code = reader:receive_some()
    got[#got + 1] = bytes or partial
    if not bytes then
      if code ~= "EOF" then note(bytes, err, partial, code) end
      break
    end
  end
  reader:close()
  sender:join()
  got = table.concat(got)
  return got == text and "whole" or got == text:sub(1, #got) and "beginning" or "CHANGED"
end
local function fresh() -- a wait that is over before it begins opens no timerfd
  repeat tl.sleep(0.001) until tl.stats().timerfd_sets > 0
  return descriptors(), tl.stats().handles
end
local before, handles = fresh()
for _, make in ipairs { tl.pipe, tl.socketpair } do
  local reader, writer, code = make()
  if reader then
    local outcome = carry(reader, writer)
    told[#told + 1] = outcome
  else
    note(reader, writer, code)
  end
end
collectgarbage() collectgarbage()
local after, left
for _ = 1, 1000 do -- a closed connection waits for the end of its peer
  after, left = fresh()
  if left == handles then break end
end
local ok, line = pcall(function() return tl.stdin:receive("*a") end)
local sent, err = pcall(function() return tl.stdout:send("out " .. tostring(line) .. "\n") end)
if not ok or not sent then told[#told + 1] = tostring(line) .. tostring(err) end
for _, what in ipairs(told) do io.stderr:write("told ", what, "\n") end
io.stderr:write(("left %d %d\n"):format(after - before, left - handles))
]]

local path, input

setup(function() path, input = support.temporary(SCRIPT), support.temporary("hello\n") end)

teardown(function()
  os.remove(path)
  os.remove(input)
end)

-- Only the program's calls fail, not those of cat.
local function play(call, n, code, options)
  local command = ("%s %s <%s | cat"):format(support.program, path, input)
  return faults.run_command(command, call, n, code, options)
end

-- If the loop itself cannot begin or go on, only that is reported.
local FATAL = { "cannot open", "opening the loop", "not enough memory", "annot allocate",
  "timerlua.run: waiting: " }
-- Failures of one side that the other side notices.
local CONSEQUENCES = { EPIPE = true, ECONNRESET = true, EBADF = true, EOF = true }

local function check(r, label, code)
  assert.is_nil(r.err:find("CHANGED", 1, true), label)
  for name in r.err:gmatch("told (E%u+) ") do
    assert.truthy(name == code or CONSEQUENCES[name], label .. "\n" .. r.err)
  end
  for _, words in ipairs(FATAL) do
    if r.err:find(words, 1, true) then return end
  end
  assert.equal("left 0 0", ("\n" .. r.err):match("\n(left [^\n]*)"), label .. "\n" .. r.err)
  if not r.err:find("told E%u+ ") and not r.err:find("^left") then
    assert.equal(2, select(2, r.err:gsub("told whole", "")), label .. "\n" .. r.err)
  end
end

-- The first calls, then ever fewer: they are alike.
local function numbers(calls)
  local list, n = {}, 1
  while n <= calls do
    list[#list + 1] = n
    n = n < 3 and n + 1 or math.floor(n * (support.sanitized and 6 or 3))
  end
  return list
end

describe("with pipes and standard streams", function()
  local names = {}
  for call in pairs(ERRORS) do names[#names + 1] = call end
  table.sort(names)
  for _, call in ipairs(names) do
    it(("each %s that fails is told, or changes nothing"):format(call), function()
      if ERRORS[call][1] == "ENOMEM" and support.sanitized then
        return pending("the sanitizers' allocator is in between")
      end
      local plain = play(call, 0, "EINVAL")
      check(plain, call)
      assert.equal("out hello\n\n", plain.out)
      assert.equal(2, select(2, plain.err:gsub("told whole", "")), plain.err)
      assert.is_true(plain.calls > 0)
      local turn = 0
      for _, n in ipairs(numbers(plain.calls or 0)) do
        for _ = 1, n == 1 and #ERRORS[call] or 1 do
          turn = turn + 1
          local code = ERRORS[call][(turn - 1) % #ERRORS[call] + 1]
          check(play(call, n, code), ("%s %d %s"):format(call, n, code), code)
        end
      end
    end)
  end

  it("nothing is lost when every call is interrupted, again and again", function()
    for _, storm in ipairs { 1, 3, 50 } do
      local r = play("none", 0, "EINTR", { storm = storm })
      check(r, "storm of " .. storm)
      assert.equal("out hello\n\n", r.out)
      assert.equal(2, select(2, r.err:gsub("told whole", "")), r.err)
    end
  end)

  it("nothing is lost a few bytes at a time", function()
    for _, most in ipairs { 7, 4099 } do
      local r = play("none", 0, "EINTR", { most = most, timeout = 60 })
      check(r, most .. " bytes")
      assert.equal("out hello\n\n", r.out)
      assert.equal(2, select(2, r.err:gsub("told whole", "")), r.err)
    end
  end)
end)
