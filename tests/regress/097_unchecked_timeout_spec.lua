-- A limit that a script wrote into a connection was not checked, and a limit that no
-- clock reaches or that is not a number crashed the program when the wait was over.
local support = require "tests.support"

describe("a connection's field `timeout` that is not a duration", function()
  for _, limit in ipairs { "0/0", "-1e10", "-1/0" } do
    it("ends the wait at once: " .. limit, function()
      support.says("nil\ttimeout\n", ([[
        local a, b = tl.socketpair()
        a.timeout = %s
        print((select(1, a:receive(5))), (select(2, a:receive(5))))
        a:close() b:close()]]):format(limit), { timeout = 10 })
    end)
  end

  for _, limit in ipairs { "1e300", "1/0" } do
    it("never ends the wait: " .. limit, function()
      support.says("hello\n", ([[
        local a, b = tl.socketpair()
        a.timeout = %s
        tl.after(0.01, function() b:send("hello") end)
        print(a:receive(5))
        a:close() b:close()]]):format(limit), { timeout = 10 })
    end)
  end
end)
