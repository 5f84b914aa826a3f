-- Children in many ways, for processes_spec.lua, which makes calls fail under them.
-- Prints the reported failures, and the descriptors and children that are left in the
-- end.
local tl = require "timerlua"
local ffi = require "ffi"

ffi.cdef [[
int isatty(int fd);
int waitpid(int pid, int *status, int options);
int getuid(void);
int getgid(void);
]]
local EBADF, ECHILD, WNOHANG = 9, 10, 1

-- The preloaded library is for us alone.
local ENV = { PATH = "/nosuch:/usr/bin:/bin" }

local function say(...) io.write(table.concat({ ... }, " "), "\n") end

-- not by fcntl(2), which is among the calls that fail
local function descriptors()
  local count = 0
  for fd = 0, 127 do
    if ffi.C.isatty(fd) == 1 or ffi.errno() ~= EBADF then count = count + 1 end
  end
  return count
end

local told = 0

local function note(what, message, code)
  told = told + 1
  say("told", (what:gsub("%c", " ")), tostring(code), tostring(message))
end

local function check(what, result, message, code)
  if not result then note(what, message, code) end
  return result
end

local function check_equal(what, expected, actual)
  if expected ~= actual then say("WRONG", what, tostring(actual)) end
end

-- How the child ended, if that is known.
local function check_status(what, status, key, expected)
  if status.lost then return note(what, "lost", status.lost) end
  check_equal(what, expected, status[key])
end

local function attributes()
  local result = check("run", tl.run({ "sh", "-c", "cat; echo error >&2; exit 3" }, {
    input = ("x"):rep(100000), env = ENV, cwd = "/", nice = 1, pgroup = true,
    uid = ffi.C.getuid(), gid = ffi.C.getgid(), rlimits = { core = 0, nofile = 64 } }))
  if not result then return end
  check_status("run", result, "code", 3)
  check_equal("stdout", 100000, #result.stdout)
  check_equal("stderr", "error\n", result.stderr)
end

local function finish(what, p)
  -- a signal that could not be sent may be sent again
  if not check(what, p:stop(0.05)) then check(what, p:stop(0.05)) end
  check_status(what, p:wait(), "signal", "SIGTERM")
end

local function signals()
  local p = check("exec", tl.exec({ "sleep", "60" },
    { env = ENV, stdin = "null", stdout = "null" }))
  if p then finish("stop", p) end
  p = check("exec", tl.exec({ "sleep", "60" }, { env = ENV, pgroup = true }))
  if p then finish("stop group", p) end
  p = check("exec", tl.exec({ "sleep", "60" }, { env = ENV, detached = true }))
  if p then finish("stop detached", p) end
end

local function pipeline()
  local first = check("exec", tl.exec({ "printf", "b\\na\\n" }, { env = ENV, stdout = "pipe" }))
  if not first then return end
  local second = check("exec", tl.exec({ "sort" },
    { env = ENV, stdin = first.stdout, stdout = "pipe" }))
  if second then
    local data, message, _, code = second.stdout:receive("*a")
    if not data then note("receive", message, code) end
    second.stdout:close()
    local status = second:wait()
    if data then
      check_equal("sorted", "a\nb\n", data)
      check_status("sort", status, "code", 0)
    end
  else
    first.stdout:close()
  end
  local status = first:wait()
  if second then check_status("printf", status, "code", 0) end
end

local function collect()
  for _ = 1, 3 do collectgarbage() end
end

while tl.stats().timerfd_sets == 0 do tl.sleep(0.01) end
collect()
local before, handles = descriptors(), tl.stats().handles
say("begin")
for _, play in ipairs { attributes, signals, pipeline } do
  local ok, message = pcall(play)
  if not ok then note("raised", message, tostring(message):match("%((E%w+)%)")) end
end
tl.run()
for _ = 1, 100 do -- the rest of a group ends after its leader
  if tl.stats().handles <= handles then break end
  tl.sleep(0.01)
end
collect()
tl.sleep(0.001)
say("left", descriptors() - before, tl.stats().handles - handles)
local found = ffi.C.waitpid(-1, nil, WNOHANG)
say("children", found == -1 and ffi.errno() == ECHILD and "none" or tostring(found))
local last = check("exec", tl.exec({ "sleep", "60" }, { env = ENV, kill_after = 0.05 }))
if last then last:unref() end -- the exit ends it
say("end", told)
