-- A task that read while another task closed the descriptor in the turn between got an
-- error raised instead of a result.
local select = require "timerlua.select"
local sockets = require "tests.support.sockets"
local timerfd = require "timerlua.timerfd"
local tl = require "timerlua"

describe("closing in the turn that passes before a call", function()
  it("is returned as a value", function()
    sockets.run(function()
      local t, kq = assert(timerfd.create(1)), assert(select.kqueue())
      t:settime{ initial = 1e-9, interval = 1e-9 }
      local reading = tl.spawn(function()
        local _, code
        repeat _, _, code = t:read() until code
        return code
      end)
      local changing = tl.spawn(function()
        local _, code
        repeat _, _, code = kq:control({}, 0) until code
        return code
      end)
      tl.sleep(0.005)
      t:close()
      kq:close()
      assert.equal("EBADF", reading:join())
      assert.equal("EBADF", changing:join())
    end)
  end)
end)
