-- Connections whose peer is gone.
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

local run, till, turns = sockets.run, sockets.till, sockets.turns

for _, edge in ipairs { false, true } do
  local mode = edge and " (edge)" or ""

  describe("D26: a peer that is gone" .. mode, function()
    it("by a reset before it is accepted is no harm", function()
      run(function()
        local results = {}
        local listener = assert(tl.listen("127.0.0.1:0", function(c)
          results[#results + 1] = select(4, c:receive())
        end, { edge = edge }))
        listener:pause()
        for _ = 1, 5 do assert(tl.connect(listener:sock())):abort() end
        listener:resume()
        turns(20)
        for _, code in ipairs(results) do assert.equal("ECONNRESET", code) end
        local conn = assert(tl.connect(listener:sock()))
        till(function() return listener.connections == 1 end)
        conn:close()
        till(function() return listener.connections == 0 end)
        listener:close()
      end)
    end)

    it("by a reset is reported to tasks that read, send, wait or come later", function()
      run(function()
        local a, b = sockets.pair { edge = edge } -- idle
        a:abort()
        turns()
        assert.same({ nil, "closed", "", "ECONNRESET" }, { b:receive() })
        b:close()

        a, b = sockets.pair { edge = edge } -- a reader waits
        local reader = tl.spawn(function() return b:receive() end)
        turns()
        a:setoption("linger", 0)
        a:close()
        assert.same({ nil, "closed", "", "ECONNRESET" }, { reader:join() })
        b:close()

        a, b = sockets.pair { edge = edge, high = 1000, sndbuf = 4096, rcvbuf = 4096 }
        local writer = tl.spawn(function() return b:send(("x"):rep(8 * 2 ^ 20)) end)
        turns()
        a:abort() -- with a queue
        local _, err, _, code = writer:join()
        assert.equal("closed", err)
        assert.is_true(code == "ECONNRESET" or code == "EPIPE", code)
        assert.same({ 0, false }, { b:queued() })
        b:close()
      end)
    end)

    it("does not end the process by SIGPIPE", function()
      local r = support.run({ "-e", ([[
        local tl = require "timerlua"
        local theirs
        local l = tl.listen("127.0.0.1:0", function(c) theirs = c end,
          { autoclose = false, edge = %s })
        local c = tl.connect(l:sock())
        while not theirs do tl.sleep(0) end
        c:abort()
        local codes = {}
        for i = 1, 3 do
          codes[i] = tostring((select(4, theirs:send("x"))))
          tl.sleep(0.002)
        end
        io.write(codes[1], " ", tostring(codes[2] == "EPIPE" or codes[2] == "ECONNRESET"),
          " ", tostring(codes[2] == codes[3]))
        l:close()]]):format(tostring(edge)) }, { timeout = 10 })
      assert.same({ 0, "nil true true", "" }, { r.code, r.out, r.err })
    end)
  end)
end
