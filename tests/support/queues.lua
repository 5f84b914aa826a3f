-- Shared by the specs of kqueue.
local ffi = require "ffi"
local luassert = require "luassert"
local select = require "timerlua.select"
local support = require "tests.support"

ffi.cdef [[
int fork(void);
void _exit(int status);
int waitpid(int pid, int *status, int options);
int kill(int pid, int signal);
int getpid(void);
int dup2(int from, int to);
int ftruncate(int fd, int64_t length);
int fchmod(int fd, unsigned mode);
]]
local C = ffi.C

local queues = {}

--- Run `fn` outside any task; the descriptors that it opened are closed.
function queues.outside(fn)
  support.collect()
  local before = support.count_fds()
  fn()
  support.collect()
  luassert.equal(before, support.count_fds())
end

--- "ident:filter" of each event, sorted.
function queues.names(events)
  local list = {}
  for i, event in ipairs(events) do
    list[i] = ("%d:%d"):format(event.ident, event.filter)
  end
  table.sort(list)
  return table.concat(list, " ")
end

--- Make one change, which must succeed.
function queues.change(kq, ...)
  luassert.same({}, assert(kq:control({ select.kevent(...) }, 0)))
end

--- Take the only event.
function queues.one(kq, timeout)
  local events = assert(kq:control(nil, 8, timeout or 5))
  luassert.equal(1, #events)
  return events[1]
end

--- Check that there is no event.
function queues.none(kq)
  luassert.equal("", queues.names(assert(kq:control(nil, 8, 0))))
end

--- Check that the results of a call are this failure.
function queues.fails(code, message, ok, err, got)
  luassert.equal(nil, ok)
  luassert.equal(message, err)
  luassert.equal(code, got)
end

--- Run `fn` in a forked child, whose exit status is the result.
function queues.fork(fn)
  local pid = C.fork()
  assert(pid >= 0)
  if pid == 0 then
    local ok, status = pcall(fn)
    C._exit(ok and status or 99)
  end
  return pid
end

--- Wait for a child; returns its status.
function queues.wait_for(pid)
  local status = ffi.new("int[1]")
  luassert.equal(pid, C.waitpid(pid, status, 0))
  return status[0]
end

return queues
