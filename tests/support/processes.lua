-- Shared by the specs of child processes.
local ffi = require "ffi"
local luassert = require "luassert"
local sockets = require "tests.support.sockets"
local process = require "timerlua.system.process"

ffi.cdef [[
int dup(int fd);
int close(int fd);
int waitpid(int pid, int *status, int options);
]]

local processes = {}

local WNOHANG, ECHILD = 1, 10

--- Whether this process has no child, ended or not.
function processes.none_left()
  return ffi.C.waitpid(-1, nil, WNOHANG) == -1 and ffi.errno() == ECHILD
end

--- Like sockets.run; afterwards no child may be left, not even as a zombie.
function processes.run(fn, seconds)
  luassert.is_true(processes.none_left(), "a child was there before")
  local ok, message = pcall(sockets.run, fn, seconds)
  if not ok then
    process.end_all()
    error(message, 0)
  end
  luassert.is_true(processes.none_left(), "a child is left")
end

--- Whether a process exists; a zombie does not count.
function processes.alive(pid)
  local stat = io.open(("/proc/%d/stat"):format(pid))
  if not stat then return false end
  local state = stat:read("*a"):match("%) (%a)")
  stat:close()
  return state ~= "Z" and state ~= "X"
end

--- Wait until the file at the path holds a process's number, and return that.
function processes.pid_in(path)
  local pid
  sockets.till(function()
    local file = io.open(path)
    pid = file and tonumber(file:read("*l"))
    if file then file:close() end
    return pid
  end, "a process's number")
  return pid
end

return processes
