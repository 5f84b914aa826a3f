-- Each recv of a plain socket filled as many bytes with zeros as it might receive: with the
-- largest count it held the thread for seconds, and used a gigabyte of memory.
local support = require "tests.support"

describe("a plain socket's recv", function()
  it("uses memory for what it receives, not for what it might", function()
    local result = support.run([[
      local socket = require "timerlua.socket"
      local function resident()
        local pages = io.open "/proc/self/statm":read "*a":match "^%d+ (%d+)"
        return tonumber(pages) * 4096
      end
      local one, other = assert(socket.socketpair())
      local before, most = resident(), 0
      for _, method in ipairs { "recv", "recvfrom" } do
        one:send "hello"
        io.write((other[method](other, 2 ^ 30)), " ")
        other:setblocking(false)
        io.write((select(3, other[method](other, 2 ^ 30))), "\n")
        other:setblocking(true)
        most = math.max(most, resident() - before)
      end
      print(most < 2 ^ 26 or most)]])
    assert.equal("", result.err)
    assert.equal("hello EAGAIN\nhello EAGAIN\ntrue\n", result.out)
  end)
end)
