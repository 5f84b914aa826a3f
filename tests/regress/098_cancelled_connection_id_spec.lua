-- The id of a connection or of a datagram socket could be cancelled as a timer's,
-- which freed the handle and lost the descriptor.
local support = require "tests.support"

describe("the id of a handle that is not a timer", function()
  it("cannot be cancelled", function()
    support.says("false\tfalse\nhello\n", [[
      local a, b = tl.socketpair()
      local u = tl.udp("127.0.0.1:0")
      local function cancel(id) return id:cancel() end
      print((pcall(cancel, a.id)), (pcall(cancel, u.id)))
      b:send("hello")
      print(a:receive(5))
      a:close() b:close() u:close()]], { timeout = 10 })
  end)
end)
