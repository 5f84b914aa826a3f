-- Shared by the specs of timerlua.select: pipes and pairs of sockets by number.
local ffi = require "ffi"
local luassert = require "luassert"
local sockets = require "tests.support.sockets"
local support = require "tests.support"

ffi.cdef [[
int pipe2(int fds[2], int flags);
int socketpair(int family, int kind, int protocol, int fds[2]);
int socket(int family, int kind, int protocol);
int dup(int fd);
int dup2(int from, int to);
ssize_t read(int fd, void *bytes, size_t count);
ssize_t write(int fd, const void *bytes, size_t count);
ssize_t send(int fd, const void *bytes, size_t count, int flags);
int shutdown(int fd, int how);
int close(int fd);
int open(const char *path, int flags, ...);
]]
local C = ffi.C
local O_NONBLOCK, O_CLOEXEC = 0x800, 0x80000

local descriptors = {}

--- Run a spec both in a task, through the loop, and in the main chunk of a plain
--- luajit, where waits block.
function descriptors.both(it, name, fn)
  it(name .. ", in a task", function() sockets.run(fn) end)
  it(name .. ", outside", function()
    support.collect()
    local before = support.count_fds()
    fn()
    support.collect()
    luassert.equal(before, support.count_fds())
  end)
end

--- Check that a call returned nil, this message and this code.
function descriptors.fails(code, message, ok, err, got)
  luassert.equal(nil, ok)
  luassert.equal(message, err)
  luassert.equal(code, got)
end

--- A new pipe's end to read and end to write.
function descriptors.pipe()
  local fds = ffi.new("int[2]")
  assert(C.pipe2(fds, O_NONBLOCK + O_CLOEXEC) == 0)
  return fds[0], fds[1]
end

--- Two connected Unix sockets.
function descriptors.pair()
  local fds = ffi.new("int[2]")
  assert(C.socketpair(1, 1 + O_NONBLOCK + O_CLOEXEC, 0, fds) == 0)
  return fds[0], fds[1]
end

function descriptors.open(path)
  local fd = C.open(path, O_CLOEXEC)
  assert(fd >= 0, path)
  return fd
end

function descriptors.duplicate(fd)
  local copy = C.dup(fd)
  assert(copy >= 0)
  return copy
end

function descriptors.put(fd, text)
  text = text or "x"
  luassert.equal(#text, tonumber(C.write(fd, text, #text)))
end

--- Read, and return the number of bytes: -1 if there were none, 0 at the end.
function descriptors.take(fd)
  return tonumber(C.read(fd, ffi.new("char[65536]"), 65536))
end

--- Write until no more fits.
function descriptors.fill(fd)
  local chunk = ("x"):rep(65536)
  while C.write(fd, chunk, #chunk) > 0 do end
  while C.write(fd, chunk, 1) > 0 do end
end

function descriptors.shutdown(fd, how)
  luassert.equal(0, C.shutdown(fd, how))
end

function descriptors.close(...)
  for i = 1, select("#", ...) do
    luassert.equal(0, C.close((select(i, ...))))
  end
end

return descriptors
