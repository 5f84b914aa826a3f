-- A connection whose peer had ended waited forever with unread bytes.
local support = require "tests.support"

describe("a connection that ends with its peer", function()
  it("waited forever with unread bytes, whatever close_timeout", function()
    support.says("nil\tETIMEDOUT\n", [[
      local l
      l = tl.listen("127.0.0.1:0", {
        open = function(c) c:send(("x"):rep(2e7)) end,
        close = function(c, message, code) print(nil, code) l:close() end,
      }, { close_timeout = 0.05 })
      local c = tl.connect(l:sock())
      c:shutdown("send")
      while l.connections > 0 or not c do tl.sleep(0.01) end]], { timeout = 10 })
  end)
end)
