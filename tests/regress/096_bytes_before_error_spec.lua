-- A connection with callbacks whose send failed had its error reported after as many
-- bytes as one event gives, and was closed: other bytes that its peer had sent before
-- it left were lost.
local sockets = require "tests.support.sockets"
local tl = require "timerlua"

describe("a connection with callbacks", function()
  it("could lose bytes that came before its peer went", function()
    sockets.run(function()
      local SIZE = 190000 -- more than two receives, and less than the kernel holds
      local got, told = 0, {}
      local listener = assert(tl.listen("unix:@timerlua-" .. math.random(1e9), {
        open = function(conn)
          conn:pause()
          tl.after(0.02, function()
            conn:resume()
            conn:send("nobody reads this")
          end)
        end,
        data = function(_, bytes) got = got + #bytes end,
        error = function(_, why) told[#told + 1] = why .. " after " .. got end,
        close = function() told[#told + 1] = "close" end,
      }))
      local client = assert(tl.connect(listener:sock()))
      client:send(("x"):rep(SIZE))
      client:flush()
      client:abort()
      for _ = 1, 200 do
        if told[2] then break end
        tl.sleep(0.005)
      end
      listener:close()
      assert.same({ "closed after " .. SIZE, "close" }, told)
    end)
  end)
end)
