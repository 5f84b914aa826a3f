local support = require "tests.support"

local PIPE = [==[
local ffi = require "ffi"
ffi.cdef "int pipe(int *); int dup(int); int close(int); long write(int, const void *, size_t);"
local tl = require "timerlua"
local fds = ffi.new("int[2]")
ffi.C.pipe(fds)
local spare = ffi.C.dup(fds[0])
]==]

describe("a descriptor that is closed while it is watched and a duplicate lives", function()
  it("does not spin, and the other watches go on", function()
    local r = support.run(PIPE .. [==[
      local others = ffi.new("int[2]")
      ffi.C.pipe(others)
      local w = tl.watch(fds[0], "r", function() print("never") end)
      local other = tl.watch(others[0], "r", function(self, ready)
        print("other", ready)
        self:cancel()
      end)
      ffi.C.close(fds[0])
      w:cancel()
      ffi.C.write(fds[1], "x", 1)
      tl.sleep(0.05)
      ffi.C.write(others[1], "x", 1)
      tl.sleep(0.05)
      print(tl.stats().turns < 50)
      ffi.C.close(spare)]==])
    assert.equal("", r.err)
    assert.equal("other\tr\ntrue\n", r.out)
    assert.equal(0, r.code)
  end)

  it("tells a watch whose own descriptor is closed too", function()
    local r = support.run(PIPE .. [==[
      local closed = ffi.C.dup(fds[1])
      local w = tl.watch(fds[0], "r", print)
      tl.watch(closed, "w", function(self, ready)
        if ready ~= "e" then return end
        print("told", ready)
        self:cancel()
      end)
      tl.after(0.02, function()
        ffi.C.close(closed)
        ffi.C.close(fds[0])
        w:cancel()
        ffi.C.write(fds[1], "x", 1)
      end)]==])
    assert.equal("", r.err)
    assert.equal("told\te\n", r.out)
    assert.equal(0, r.code)
  end)
end)
