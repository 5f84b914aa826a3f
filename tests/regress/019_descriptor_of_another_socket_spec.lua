-- An inherited descriptor could be one that another socket of the script had.
local support = require "tests.support"

describe("an inherited descriptor", function()
  it("could be one that another socket of the script had", function()
    support.says("EEXIST\tEEXIST\tEEXIST\nstill there\n", [[
      local l = tl.listen("127.0.0.1:0", function(c) c:send("still there") end)
      local c, u = tl.connect(l:sock()), tl.udp("127.0.0.1:0")
      print((select(3, tl.listen("fd:" .. l:fileno(), print))),
        (select(3, tl.connect("fd:" .. c:fileno()))), (select(3, tl.udp("fd:" .. u:fileno()))))
      print(c:receive("*a"))
      c:close() l:close() u:close()]])
  end)
end)
