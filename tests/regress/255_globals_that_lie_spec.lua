-- Our modules asked the type() of the script: one that lied had a userdata sent as if it
-- were a string, with bytes of the process's memory behind it.
local support = require "tests.support"

describe("a script that replaces basic functions", function()
  it("does not reach C through the checks of our modules", function()
    support.assert_says({ "1\tfalse", "2\tfalse", "3\ttrue", "ok", "4\tfalse", "5\tfalse" }, [[
      local a = assert(tl.udp("127.0.0.1:0"))
      local c, d = tl.socketpair()
      local lie = newproxy(true)
      getmetatable(lie).__len = function() return 300 end
      local real = type
      function type(value) return value == lie and "string" or real(value) end
      math.floor, os.getenv, table.concat = type, function() return lie end, type
      print(1, (pcall(a.send, a, lie, a:sock())))
      print(2, (pcall(c.send, c, lie)))
      print(3, (pcall(c.send, c, "ok\n")))
      print(d:receive())
      local function tell() return lie end
      string.sub, string.match, string.gsub = tell, tell, tell
      getmetatable(lie).__concat = tell
      print(4, (pcall(tl.connect, "no.such.name:80")) and tl.connect("no.such.name:80") ~= nil)
      print(5, (a:join("239.1.2.3", "no such device")) ~= nil)]])
  end)
end)
