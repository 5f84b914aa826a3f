-- Connections of which one direction has ended.
local sockets = require "tests.support.sockets"
local tl = require "timerlua"

local run = sockets.run

for _, edge in ipairs { false, true } do
  local mode = edge and " (edge)" or ""

  describe("D25: a half-closed connection" .. mode, function()
    it("answers after the end, in both directions", function()
      run(function()
        for _, first in ipairs { "a", "b" } do
          local a, b = sockets.pair { edge = edge }
          if first == "b" then a, b = b, a end
          local answering = tl.spawn(function()
            local question = b:receive("*a")
            tl.sleep(0.002)
            b:send(question:rep(100000))
            b:close()
          end)
          a:send("question")
          a:shutdown("send")
          assert.is_true(a:receive("*a") == ("question"):rep(100000))
          answering:join()
          a:close()
        end
      end)
    end)

    it("by both at the same time is closed in order", function()
      run(function()
        local a, b = sockets.pair { edge = edge }
        a:send("1")
        b:send("2")
        assert.same({ true, true }, { a:shutdown("send"), b:shutdown("send") })
        assert.same({ "2", "1" }, { a:receive("*a"), b:receive("*a") })
        a:close()
        b:close()
      end)
    end)
  end)
end
