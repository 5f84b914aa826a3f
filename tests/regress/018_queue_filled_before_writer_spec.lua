-- A woken writer got "timeout" or "busy" when another task had filled the queue again.
local support = require "tests.support"

describe("a woken writer", function()
  it("got timeout, or busy, when another task had filled the queue again", function()
    support.says("done\tdone\n4000000\n", [[
      local l = tl.listen("127.0.0.1:0", function(c)
        while c:receive_some(20000) do tl.sleep(0) end
      end)
      local c = tl.connect(l:sock(), { timeout = 60, sndbuf = 20000, high = 1000 })
      local piece = ("x"):rep(100000)
      local function write()
        for _ = 1, 20 do
          local ok, err = c:send(piece)
          while err == "busy" do tl.sleep(0) ok, err = c:send(piece) end
          if not ok then return err end
        end
        return "done"
      end
      local a, b = tl.spawn(write), tl.spawn(write)
      print(a:join(), b:join())
      c:flush()
      print(c:stats().sent)
      c:abort() l:close()]], { timeout = 20 })
  end)
end)
