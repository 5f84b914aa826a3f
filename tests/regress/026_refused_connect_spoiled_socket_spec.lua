-- After a refused connect, every further connect of the socket returned ECONNABORTED,
-- and its recv reported that the peer had ended.
local socket = require "timerlua.socket"
local sockets = require "tests.support.sockets"

describe("a socket whose connect was refused", function()
  local function refused(where)
    local listener = assert(socket.socket())
    assert(listener:bind("127.0.0.1:0"))
    local address = listener:getsockname()
    local s = assert(socket.socket())
    for _ = 1, 5 do
      assert.equal("ECONNREFUSED", _G.select(3, s:connect(address)), where)
      assert.equal("ENOTCONN", _G.select(3, s:recv(1)), where)
    end
    assert(listener:listen())
    assert.is_true(s:connect(address), where)
    assert.equal(address, s:getpeername())
    s:close()
    listener:close()
  end

  it("is as new, in a task", function() sockets.run(function() refused("a task") end) end)

  it("is as new, outside", function()
    assert.is_true(coroutine.wrap(function()
      refused("outside")
      return true
    end)())
  end)
end)
