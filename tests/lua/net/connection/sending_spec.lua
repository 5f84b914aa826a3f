-- How a connection sends, over loopback, level- and edge-triggered.
local buffer = require "string.buffer"
local sockets = require "tests.support.sockets"
local tl = require "timerlua"

local run, turns = sockets.run, sockets.turns
local pattern_of = sockets.pattern_of
local pack, results = sockets.pack, sockets.pack -- of a call; the expected ones

sockets.in_both_modes(function(name, make)
  describe("connection:send" .. name, function()
    it("takes strings, ranges, numbers, buffers and lists; returns the last index", function()
      run(function()
        local a, b = make()
        local list = {
          a:send("hello,"), a:send("abcdef", 3), a:send("abcdef", 2, 3),
          a:send("abcdef", -2), a:send("abcdef", -4, -3), a:send("abc", 0, 99),
          a:send("abc", 5), a:send("abc", 3, 2), a:send(""), a:send(12.5),
          a:send(buffer.new():put("buf\0")), a:send { "p", 1, buffer.new():put("q"), "" },
        }
        assert.same({ 6, 6, 3, 6, 4, 3, 4, 2, 0, 4, 4, 3 }, list)
        a:close()
        assert.equal("hello,cdefbcefcdabc12.5buf\0p1q", b:receive("*a"))
        b:close()
      end)
    end)

    it("refuses invalid data, at the caller's line", function()
      run(function()
        local a, b = make()
        for _, value in ipairs { true, print } do
          local ok, message = pcall(loadstring("local c, v = ... c:send(v)", "=x"), a, value)
          assert.is_false(ok)
          assert.truthy(message:find("^x:1: timerlua.connection:send: what is sent must be "),
            message)
        end
        a:close()
        b:close()
      end)
    end)

    it("waits above the high-water mark until the low one is reached", function()
      run(function()
        local a, b = make { high = 100000, low = 20000, sndbuf = 4096, rcvbuf = 4096 }
        local sent, most = 0, 0
        local writer = tl.spawn(function()
          for _ = 1, 200 do
            assert(a:send(("x"):rep(10000)))
            sent = sent + 10000
            most = math.max(most, (a:queued()))
          end
          a:close()
        end)
        tl.sleep(0.02)
        assert.equal("waiting", writer.status)
        local stuck = sent
        turns(10)
        assert.equal(stuck, sent)
        local queued, above = a:queued()
        assert.is_true(above)
        assert.is_true(queued > 100000 and queued <= 110000, queued)
        assert.same(results(nil, "busy", 0, "EBUSY"), pack(a:send("y")))
        assert.is_true(b:receive("*a") == ("x"):rep(2000000))
        writer:join()
        assert.is_true(most <= 110000, most)
        b:close()
      end)
    end)

    it("times out there with the bytes it took, and goes on later", function()
      run(function()
        local a, b = make { high = 1000, sndbuf = 4096, rcvbuf = 4096 }
        a:settimeout(0.01)
        local data = pattern_of(8 * 2 ^ 20)
        assert.same(results(nil, "timeout", #data, "ETIMEDOUT"), pack(a:send(data)))
        local reader = tl.spawn(function() return b:receive(#data) end)
        a:settimeout()
        assert.equal(true, a:flush())
        assert.is_true(reader:join() == data)
        assert.same({ 0, false }, { a:queued() })
        a:close()
        b:close()
      end)
    end)

    it("takes nothing above the limit: ENOBUFS", function()
      run(function()
        local a, b = make { limit = 1000 }
        assert.same(results(nil, "the queue's limit is reached", 0, "ENOBUFS"),
          pack(a:send(("x"):rep(1001))))
        assert.equal(600, a:send(("x"):rep(600)))
        assert.same(results(nil, "the queue's limit is reached", 0, "ENOBUFS"),
          pack(a:send(("y"):rep(401))))
        assert.equal(400, a:send(("z"):rep(400)))
        assert.same({ 1000, false }, { a:queued() })
        a:close()
        assert.is_true(b:receive("*a") == ("x"):rep(600) .. ("z"):rep(400))
        b:close()
      end)
    end)

    it("sends many parts in one call to the kernel", function()
      run(function()
        local a, b = make()
        local before = sockets.stats().sends
        for _ = 1, 100 do a:send("x") end
        assert.equal(before, sockets.stats().sends)
        assert.is_true(a:flush())
        assert.equal(before + 1, sockets.stats().sends)
        assert.equal(("x"):rep(100), b:receive(100))
        a:close()
        b:close()
      end)
    end)
  end)
end)
