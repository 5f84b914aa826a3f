local support = require "tests.support"

describe("a descriptor that is closed while it is watched, in virtual time,", function()
  -- The loop made a new epoll set and waited forever, because the set was still empty.
  it("does not silence the other watches", function()
    local r = support.run({ "--virtual-time", "-e", [==[
      local ffi = require "ffi"
      ffi.cdef [[int pipe(int *); int dup(int); int close(int);
        long write(int, const void *, size_t);]]
      local tl = require "timerlua"
      local fds = ffi.new("int[2]")
      ffi.C.pipe(fds)
      ffi.C.dup(fds[0])
      local closed = tl.watch(fds[0], "r", function() print("never") end)
      tl.watch(io.popen("sleep 0.1; echo x"), "r", function(self, ready)
        print("other", ready:sub(1, 1))
        self:cancel()
      end)
      ffi.C.close(fds[0])
      closed:cancel()
      ffi.C.write(fds[1], "x", 1)]==] }, { timeout = 10 })
    assert.equal("", r.err)
    assert.equal("other\tr\n", r.out)
    assert.equal(0, r.code)
  end)
end)
