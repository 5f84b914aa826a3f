-- Waiting for descriptors of the script's own: lua/timerlua/byhand/readiness.lua.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local readiness = require "timerlua.byhand.readiness"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

ffi.cdef [[
int pipe2(int fds[2], int flags);
ssize_t read(int fd, void *bytes, size_t count);
ssize_t write(int fd, const void *bytes, size_t count);
int close(int fd);
int open(const char *path, int flags, ...);
]]
local O_NONBLOCK, O_CLOEXEC = 2048, 524288
local EBADF, EPERM = -9, -1

local function pipe()
  local fds = ffi.new("int[2]")
  assert(ffi.C.pipe2(fds, O_NONBLOCK + O_CLOEXEC) == 0)
  return fds[0], fds[1]
end

local function put(fd) assert.equal(1, tonumber(ffi.C.write(fd, "x", 1))) end
local function take(fd) return tonumber(ffi.C.read(fd, ffi.new("char[8]"), 8)) end

local function close(...)
  for _, fd in ipairs { ... } do ffi.C.close(fd) end
end

-- A wait in a place of its own.
local function wait_for(where, fd, interest, delay)
  local place = assert(readiness.place(fd))
  local ok, status = pcall(place.suspend, place, where, interest, delay)
  place:close()
  return ok and status or error(status, 0)
end

describe("readiness", function()
  it("keeps the loop running as long as a task waits", function()
    local r = support.run [[
      local ffi = require "ffi"
      ffi.cdef "int pipe(int fds[2]);"
      local fds = ffi.new("int[2]")
      assert(ffi.C.pipe(fds) == 0)
      io.write(require "timerlua.byhand.readiness".place(fds[1]):suspend("test", "w"))]]
    assert.equal("", r.err)
    assert.equal("0", r.out)
  end)

  it("lets other things go on while a task waits", function()
    sockets.run(function()
      local r, w = pipe()
      local ticks = 0
      local ticking = tl.every(0.001, function() ticks = ticks + 1 end)
      tl.after(0.01, function() put(w) end)
      assert.equal(0, wait_for("test", r, "r", 5))
      ticking:cancel()
      assert.is_true(ticks > 0)
      sockets.till(function() return take(r) > 0 end)
      close(r, w)
    end)
  end)

  it("ends when its time is over", function()
    sockets.run(function()
      local r, w = pipe()
      assert.equal(0, wait_for("test", r, "r", 0.001))
      assert.equal(-1, take(r))
      close(r, w)
    end)
  end)

  it("costs no epoll_ctl when a place waits again", function()
    sockets.run(function()
      local r, w = pipe()
      local place = assert(readiness.place(r))
      put(w)
      assert.equal(0, place:suspend("test", "r"))
      local before = sockets.stats().controls
      for _ = 1, 10 do
        assert.equal(1, take(r))
        tl.spawn(put, w)
        assert.equal(0, place:suspend("test", "r"))
      end
      assert.equal(before, sockets.stats().controls)
      place:close()
      close(r, w)
    end)
  end)

  it("does not spin on a descriptor that is ready while no task waits", function()
    sockets.run(function()
      local r, w = pipe()
      local place = assert(readiness.place(r))
      put(w)
      assert.equal(0, place:suspend("test", "r"))
      tl.sleep(0.001)
      local before = sockets.stats().turns
      tl.sleep(0.01)
      assert.is_true(sockets.stats().turns - before < 10)
      assert.equal(0, place:suspend("test", "r"))
      place:close()
      close(r, w)
    end)
  end)

  it("serves several tasks that wait for one descriptor", function()
    sockets.run(function()
      local r, w = pipe()
      local place = assert(readiness.place(r))
      local done = 0
      local function waits()
        assert.equal(0, place:suspend("test", "r", 5))
        done = done + 1
      end
      local tasks = { tl.spawn(waits), tl.spawn(waits), tl.spawn(waits) }
      tl.sleep(0)
      put(w)
      for _, task in ipairs(tasks) do task:join() end
      assert.equal(3, done)
      place:close()
      close(r, w)
    end)
  end)

  it("waits beside a watch of the same descriptor", function()
    sockets.run(function()
      local r, w = pipe()
      local watched = 0
      local watch = assert(tl.watch(r, "r", function() watched = watched + 1 end))
      tl.spawn(function() put(w) end)
      assert.equal(0, wait_for("test", r, "r", 5))
      sockets.till(function() return watched > 0 end)
      watch:cancel()
      close(r, w)
    end)
  end)

  it("is ended by a limit, by cancelling, and by closing the place", function()
    sockets.run(function()
      local r, w = pipe()
      local place = assert(readiness.place(r))
      local _, err = tl.timeout(0.001, place.suspend, place, "test", "r")
      assert.equal("timeout", err)
      local task = tl.spawn(function() place:suspend("test", "r") end)
      tl.sleep(0)
      task:cancel()
      assert.equal("ECANCELED", select(3, task:join()))
      task = tl.spawn(function() return place:suspend("test", "r") end)
      tl.sleep(0)
      place:close()
      assert.equal(0, task:join())
      close(r, w)
    end)
  end)

  it("is ended by closing the place beside a watch, and for several tasks", function()
    sockets.run(function()
      local r, w = pipe()
      local watch = assert(tl.watch(r, "r", function() end))
      local place = assert(readiness.place(r))
      local tasks = {}
      for i = 1, 3 do tasks[i] = tl.spawn(function() return place:suspend("test", "r") end) end
      tl.sleep(0)
      watch:cancel()
      place:close()
      for _, task in ipairs(tasks) do assert.equal(0, task:join()) end
      close(r, w)
    end)
  end)

  it("reports descriptors that cannot be waited for", function()
    sockets.run(function()
      assert.equal(EBADF, wait_for("test", 4000, "r", 1))
      local fd = ffi.C.open("Makefile", O_CLOEXEC)
      assert.equal(EPERM, wait_for("test", fd, "r", 1))
      close(fd)
    end)
  end)

  it("notices a hang-up", function()
    sockets.run(function()
      local r, w = pipe()
      tl.after(0.001, function() close(w) end)
      assert.equal(0, wait_for("test", r, "r", 5))
      assert.equal(0, take(r))
      close(r)
    end)
  end)

  it("goes back into a new poller", function()
    sockets.run(function()
      local r, w = pipe()
      local r2, w2 = pipe()
      local duplicate = core.C.tl_descriptor_duplicate(r2)
      local watch = assert(tl.watch(r2, "r", function() end))
      local task = tl.spawn(function() return wait_for("test", r, "r", 5) end)
      tl.sleep(0)
      close(r2)
      watch:cancel() -- its duplicate keeps it in the epoll set: a new one is made
      put(w2)
      tl.sleep(0.001)
      put(w)
      assert.equal(0, task:join())
      close(r, w, duplicate, w2)
    end)
  end)

  it("blocks outside any task, and no longer than its time", function()
    local r, w = pipe()
    local co = coroutine.wrap(function()
      local before = tl.now()
      assert.equal(0, readiness.block(r, "r", 0.002))
      assert.is_true(tl.now() - before >= 0.002)
      put(w)
      assert.equal(1, readiness.block(r, "r"))
      assert.equal(EBADF, readiness.block(4000, "r"))
      return true
    end)
    assert.is_true(co())
    close(r, w)
    support.collect()
  end)
end)
