-- The state of a connection, and its settings.
local sockets = require "tests.support.sockets"
local tl = require "timerlua"

local run = sockets.run
local pattern_of = sockets.pattern_of
local pack, results = sockets.pack, sockets.pack -- of a call; the expected ones

sockets.in_both_modes(function(name, make)
  describe("a connection" .. name, function()
    it("knows its own and its peer's address", function()
      run(function()
        local a, b = make()
        assert.equal(a:peer(), b:sock())
        assert.equal(b:peer(), a:sock())
        local ip, port = a:getpeername()
        assert.equal(a:peer(), ip .. ":" .. port)
        assert.same({ a:getsockname() }, { b:getpeername() })
        assert.equal("number", type(a:fileno()))
        local peer_of_a, peer_of_b = a:peer(), b:peer()
        a:abort()
        b:receive()
        assert.equal(peer_of_b, b:peer())
        assert.truthy(peer_of_a)
        b:close()
      end)
    end)

    it("keeps its peer's address after the peer is gone", function()
      run(function()
        local a, b = make()
        local peer = a:peer()
        b:abort()
        a:receive()
        assert.equal(peer, a:peer())
        assert.equal(peer, table.concat({ a:getpeername() }, ":"))
        a:close()
      end)
    end)

    it("counts its bytes", function()
      run(function()
        local a, b = make()
        a:send("hello")
        a:flush()
        b:receive(2)
        assert.equal(5, a:stats().sent)
        assert.same({ received = 5, sent = 0, queued = 0, buffered = 3 }, b:stats())
        a:close()
        b:close()
      end)
    end)

    it("has TCP_NODELAY on both sides by default", function()
      run(function()
        for _, nodelay in ipairs { true, false } do
          local a, b = make { nodelay = nodelay }
          assert.same({ nodelay, nodelay }, { a:getoption("nodelay"), b:getoption("nodelay") })
          a:close()
          b:close()
        end
        local a, b = make()
        assert.same({ true, true }, { a:getoption("nodelay"), b:getoption("nodelay") })
        a:close()
        b:close()
      end)
    end)

    it("has its options set and read back", function()
      run(function()
        local a, b = make { keepalive = 77, linger = 5, ttl = 33 }
        assert.same({ 77, 5, 33 },
          { a:getoption("keepalive"), a:getoption("linger"), a:getoption("ttl") })
        assert.same({ 77, 5, 33 },
          { b:getoption("keepalive"), b:getoption("linger"), b:getoption("ttl") })
        for option, value in pairs { nodelay = false, cork = true, keepalive = 99,
          linger = 0, ttl = 12 } do
          assert.same(results(true), pack(a:setoption(option, value)))
          assert.equal(value, a:getoption(option))
        end
        for option, value in pairs { keepalive = false, linger = false, cork = false } do
          assert.equal(true, a:setoption(option, value))
          assert.equal(value, a:getoption(option))
        end
        assert.equal(true, a:setoption("sndbuf", 10000))
        assert.is_true(a:getoption("sndbuf") >= 10000)
        local ok, message = pcall(loadstring("(...):setoption('ttl', 0)", "=x"), a)
        assert.is_false(ok)
        assert.equal("x:1: timerlua.connection:setoption: option ttl must be a whole number "
          .. "from 1 to 255, got 0", message)
        ok, message = pcall(loadstring("(...):getoption('colour')", "=x"), a)
        assert.is_false(ok)
        assert.truthy(message:find("^x:1: timerlua.connection:getoption: "), message)
        a:close()
        b:close()
      end)
    end)

    it("holds bytes back while it is corked", function()
      run(function()
        local a, b = make()
        assert.equal(true, a:cork())
        a:send("head")
        a:flush()
        a:send("body")
        b:settimeout(0.02)
        assert.same(results(nil, "timeout", "", "ETIMEDOUT"), pack(b:receive_some()))
        assert.equal(true, a:uncork())
        b:settimeout()
        assert.equal("headbody", b:receive(8))
        a:close()
        b:close()
      end)
    end)

    it("refuses methods on other values", function()
      run(function()
        local a, b = make()
        local ok, message = pcall(loadstring("(...).receive()", "=x"), a)
        assert.is_false(ok)
        assert.equal("x:1: timerlua.connection:receive: it must be called on a connection, "
          .. "as connection:receive(), got nil", message)
        a:close()
        b:close()
      end)
    end)

    it("over a Unix socket does the same", function()
      run(function()
        local path = os.tmpname()
        os.remove(path)
        local a, b = make({}, "unix:" .. path)
        local text = pattern_of(2 ^ 20)
        local writer = tl.spawn(function() assert(a:send(text .. "\n")) a:close() end)
        assert.is_true(b:receive() == text)
        assert.same(results(nil, "closed", "", "EOF"), pack(b:receive()))
        writer:join()
        assert.equal("unix:" .. path, b:peer())
        assert.same(results(nil, "operation not supported", "EOPNOTSUPP"),
          pack(b:getoption("nodelay")))
        b:close()
      end)
    end)
  end)
end)
