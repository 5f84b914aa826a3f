-- A handler that closes the connections of others.
local support = require "tests.support"

for _, edge in ipairs { false, true } do
  local mode = edge and " (edge)" or ""

  describe("D23: a handler that closes others of the same batch" .. mode, function()
    it("keeps their callbacks, except close, from being called, of 2,500", function()
      local code = ([[
        local tl = require "timerlua"
        local conns, told, closed, count = {}, 0, 0, 2500
        local listener = tl.listen("127.0.0.1:0", {
          open = function(c) conns[#conns + 1] = c end,
          data = function()
            told = told + 1
            for _, conn in ipairs(conns) do conn:abort() end
          end,
          close = function() closed = closed + 1 end,
        }, { edge = %s })
        local clients = {}
        for i = 1, count do clients[i] = assert(tl.connect(listener:sock())) end
        while #conns < count do tl.sleep(0) end
        for _, client in ipairs(clients) do client:send("x") end
        local waits = 0
        while closed < count and waits < 1000 do tl.sleep(0) waits = waits + 1 end
        tl.sleep(0.01)
        io.write(told, " ", closed, " ", listener.connections)
        for _, client in ipairs(clients) do client:close() end
        listener:close()]]):format(tostring(edge))
      local r = support.run({ "-e", code }, { timeout = 30, before = "ulimit -n 6000; " })
      assert.same({ 0, "1 2500 0", "" }, { r.code, r.out, r.err })
    end)
  end)
end
