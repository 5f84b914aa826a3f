-- A datagram from a string.buffer was read from freed memory when it had to wait.
local support = require "tests.support"

describe("a datagram from a string.buffer", function()
  it("was read from freed memory when it had to wait", function()
    support.says("good\n", [[
      local path = os.tmpname()
      os.remove(path)
      local to, from = tl.udp("unix:" .. path), tl.udp("unix:")
      local buffer = require("string.buffer").new()
      from:settimeout(0)
      repeat until not from:send("full", "unix:" .. path)
      from:settimeout(5)
      tl.spawn(function()
        buffer:put("good")
        from:send(buffer, "unix:" .. path)
      end)
      tl.sleep(0)
      buffer:reset() buffer:put("evil")
      local last
      to:settimeout(0.2)
      while true do
        local data = to:receive()
        if not data then break end
        last = data
      end
      print(last)
      to:close() from:close()]])
  end)
end)
