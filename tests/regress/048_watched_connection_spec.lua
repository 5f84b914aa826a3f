-- A watch of a connection's descriptor, given as a number, was made while the
-- connection rested, and then the connection's own wait failed.
require "tests.support.processes" -- declares dup and close
local sockets = require "tests.support.sockets"
local tl = require "timerlua"

describe("the number of a connection's descriptor", function()
  it("could be watched beside the connection", function()
    sockets.run(function()
      local r, w = tl.pipe()
      for _, each in ipairs { r, r:fileno(), w, w:fileno() } do
        local watch, _, code = tl.watch(each, "r", function() end)
        assert.is_nil(watch)
        assert.equal("EEXIST", code)
      end
      local reader = tl.spawn(function() return r:receive() end)
      tl.sleep(0)
      w:send "one\n"
      assert.equal("one", reader:join())
      local number = r:fileno()
      r:close()
      w:close()
      assert.equal("EBADF", (select(3, tl.watch(number, "r", function() end))))
    end)
  end)

  it("may be watched once another file has it", function()
    sockets.run(function()
      local ffi = require "ffi"
      local r, w = tl.pipe()
      local number = r:fileno()
      r:close()
      assert.equal(number, ffi.C.dup(w:fileno()))
      local watch = assert(tl.watch(number, "w", function() end))
      assert.is_true(watch:cancel())
      ffi.C.close(number)
      w:close()
    end)
  end)
end)
