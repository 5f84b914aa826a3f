-- The text of epoll, devpoll, kqueue and poll objects was "table: 0x...".
local select = require "timerlua.select"

describe("the text of an object", function()
  it("says what it is", function()
    for name, object in pairs { Epoll = assert(select.epoll()), Devpoll = assert(select.devpoll()),
      Kqueue = assert(select.kqueue()) } do
      assert.equal(("timerlua.%s: fd %d"):format(name, object:fileno()), tostring(object))
      object:close()
      assert.equal(("timerlua.%s: closed"):format(name), tostring(object))
    end
    local p = select.poll()
    p:register(1)
    p:register(2)
    p:unregister(1)
    assert.equal("timerlua.Poll: 1 registered", tostring(p))
  end)
end)
