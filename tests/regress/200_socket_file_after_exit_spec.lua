-- os.exit left the file of a Unix socket behind, against docs/sockets.md, and the next start
-- failed with EADDRINUSE. The file was removed only by a finalizer, at the end of the Lua
-- state, which os.exit does not bring about.
local support = require "tests.support"

describe("os.exit", function()
  for name, open in pairs { listener = 'tl.listen("unix:%s", print)',
    ["datagram socket"] = 'tl.udp("unix:%s", print)' } do
    it("removes the file of a " .. name, function()
      local path = os.tmpname()
      os.remove(path)
      local r = support.run(([[
        local tl = require "timerlua"
        local socket = assert(]] .. open .. [[)
        assert(os.rename(%q, %q))
        os.exit(3)]]):format(path, path, path))
      assert.same({ 3, "" }, { r.code, r.err })
      assert.is_false(os.remove(path) or false)
    end)

    it("leaves the file of a parent's " .. name .. " in place", function()
      local path = os.tmpname()
      os.remove(path)
      local r = support.run(([[
        local ffi = require "ffi"
        ffi.cdef "int fork(void); int waitpid(int pid, int *status, int options);"
        local tl = require "timerlua"
        local socket = assert(]] .. open .. [[)
        local pid = ffi.C.fork()
        if pid == 0 then os.exit(0) end
        ffi.C.waitpid(pid, nil, 0)
        print(os.rename(%q, %q))
        socket:close()]]):format(path, path, path))
      assert.same({ 0, "true\n", "" }, { r.code, r.out, r.err })
    end)
  end
end)
