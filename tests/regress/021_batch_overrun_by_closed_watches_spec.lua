-- Many watches whose descriptors were closed without the runtime's knowledge overran
-- the batch when a thousand timers came due with them.
local support = require "tests.support"

describe("many watches whose descriptors were closed by other code", function()
  it("overran the batch when a thousand timers came due with them", function()
    support.says("1340\n", [[
      local ffi = require "ffi"
      ffi.cdef "int eventfd(unsigned, int); int close(int); int dup(int);"
      local told, watches = 0, {}
      for i = 1, 1340 do
        local fd = ffi.C.eventfd(0, 0)
        watches[i] = tl.watch(fd, "r", function(w) told = told + 1 w:cancel() end)
      end
      local orphan = ffi.C.eventfd(0, 0)
      tl.watch(orphan, "w", function() end):cancel()
      local lost = tl.watch(ffi.C.eventfd(1, 0), "w", function() end)
      ffi.C.dup(lost.fd)
      ffi.C.close(lost.fd)
      lost:cancel()
      for i = 1, 1340 do ffi.C.close(watches[i].fd) end
      for _ = 1, 1100 do tl.after(0.01, function() end) end
      tl.sleep(0.05)
      print(told)]], { before = "ulimit -n 4096; ", timeout = 20 })
  end)
end)
