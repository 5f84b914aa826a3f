local support = require "tests.support"

describe("a watch's callback that cancels it, waits and fails", function()
  -- It used to be blamed on the timer that got the watch's slot.
  it("is not reported as the timer made in between", function()
    local r = support.run [==[
      local ffi = require "ffi"
      ffi.cdef "int pipe(int *); long write(int, const void *, size_t);"
      local tl = require "timerlua"
      local fds = ffi.new("int[2]")
      ffi.C.pipe(fds)
      ffi.C.write(fds[1], "x", 1)
      tl.watch(fds[0], "r", function(watch)
        watch:cancel()
        tl.after(0.01, function() end).name = "innocent"
        tl.sleep(0)
        error("broken", 0)
      end)]==]
    assert.equal("timerlua: error in callback: broken", r.err:match("^[^\n]*"))
    assert.equal(1, r.code)
  end)
end)
