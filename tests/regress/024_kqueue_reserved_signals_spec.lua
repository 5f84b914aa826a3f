-- A kqueue took the signals that the C library keeps for itself.
local select = require "timerlua.select"

describe("kqueue.control of a signal", function()
  it("refuses signals that the C library keeps for itself", function()
    for _, number in ipairs { 32, 33 } do
      local kq = assert(select.kqueue())
      local ok, message, code = kq:control({ select.kevent{ ident = number,
        filter = select.KQ_FILTER_SIGNAL } }, 0)
      assert.is_nil(ok)
      assert.equal(("kqueue.control SIGNAL %d: invalid argument"):format(number), message)
      assert.equal("EINVAL", code)
      kq:close()
    end
    local kq = assert(select.kqueue())
    assert.same({}, kq:control({ select.kevent{ ident = 34, filter = select.KQ_FILTER_SIGNAL } },
      0))
    kq:close()
  end)
end)
