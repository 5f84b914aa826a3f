-- How datagram sockets send, and how they are connected.
local datagrams = require "tests.support.datagrams"
local tl = require "timerlua"

local udp, pair = datagrams.udp, datagrams.pair
local echo, until_true, nobody = datagrams.echo, datagrams.until_true, datagrams.nobody

local LONGEST = 65507 -- bytes in a UDP datagram over IPv4, udp(7)

describe("tl.udp", function()
  before_each(datagrams.begin)
  after_each(datagrams.finish)

  describe("sends", function()
    it("from a socket without an address, over both families", function()
      local v4, v6 = udp("127.0.0.1:0", echo), udp("[::1]:0", echo)
      local client = udp(nil, nil, { timeout = 5 })
      for _, server in ipairs { v4, v6 } do
        assert.equal(2, client:send("hi", server:sock()))
        assert.same({ "hi", server:sock() }, { client:receive() })
      end
    end)

    it("and receives at all interfaces, naming IPv4 as such", function()
      local from
      local server = udp(":0", function(_, _, who) from = who end)
      local client = udp("127.0.0.1:0")
      local port = server:sock():match("%d+$")
      client:send("x", "127.0.0.1:" .. port)
      until_true(function() return from end)
      assert.equal(client:sock(), from)
      client:send("x", ":" .. port) -- this host
    end)

    it("to names", function()
      local server = udp("127.0.0.1:0", echo)
      local client = udp("127.0.0.1:0", nil, { timeout = 5 })
      local port = server:sock():match("%d+$")
      for _ = 1, 2 do
        assert.equal(1, client:send("x", "localhost:" .. port))
        assert.equal("x", (client:receive()))
      end
    end)

    it("to more addresses than it remembers", function()
      local got = 0
      local server = udp("127.0.0.1:0", function() got = got + 1 end, { rcvbuf = 2 ^ 20 })
      local client, port = udp("127.0.0.1:0"), server:sock():match("%d+$")
      for i = 1, 3000 do
        local address = ("127.0.%d.%d:%s"):format(i / 250, i % 250 + 1, port)
        assert.equal(1, client:send("x", address))
      end
      assert.equal(1, client:send("x", server:sock()))
      until_true(function() return got == 1 end)
    end)

    it("numbers and buffers, too", function()
      local _, client = pair(echo)
      client:send(12)
      assert.equal("12", (client:receive()))
      local buffer = require("string.buffer").new():put("buf", "fer")
      assert.equal(6, client:send(buffer))
      assert.equal("buffer", (client:receive()))
    end)

    it("nothing that is too long", function()
      local server, client = pair()
      assert.same({ nil, "message too long", "EMSGSIZE" },
        { client:send(("x"):rep(LONGEST + 1)) })
      client:send("next")
      assert.equal("next", (server:receive()))
    end)

    it("not without a destination", function()
      local socket = udp("127.0.0.1:0")
      assert.same({ nil, "destination address required", "EDESTADDRREQ" },
        { socket:send("x") })
    end)

    it("not to another family's addresses", function()
      for address, other in pairs { ["127.0.0.1:0"] = "[::1]:9", ["[::1]:0"] = "unix:@x",
        ["unix:"] = "127.0.0.1:9" } do
        local _, err, code = udp(address):send("x", other)
        assert.same({ "address family not supported by protocol", "EAFNOSUPPORT" },
          { err, code })
      end
    end)

    it("from within callbacks to its own handler without recursion", function()
      local got = {}
      local server = udp("127.0.0.1:0", function(socket, data)
        got[#got + 1] = data
        if #got < 5 then socket:send(#got, socket:sock()) end
      end)
      udp():send("0", server:sock())
      until_true(function() return #got == 5 end)
      assert.same({ "0", "1", "2", "3", "4" }, got)
    end)
  end)

  describe("connected to an address without a listener", function()
    it("reports the refusal to a reader, once", function()
      local socket = udp("127.0.0.1:0", nil, { timeout = 0.01 })
      socket:connect(nobody())
      socket:send("x")
      assert.same({ nil, "connection refused", "ECONNREFUSED" }, { socket:receive() })
      assert.same({ nil, "timeout", "ETIMEDOUT" }, { socket:receive() })
    end)

    it("reports it to a waiting reader", function()
      local socket = udp("127.0.0.1:0")
      socket:connect(nobody())
      local task = tl.spawn(function() return socket:receive() end)
      tl.sleep(0)
      socket:send("x")
      assert.same({ nil, "connection refused", "ECONNREFUSED" }, { task:join() })
    end)

    it("reports it to the error callback, and goes on", function()
      local told = {}
      local socket = udp("127.0.0.1:0", { data = echo,
        error = function(...) told[#told + 1] = { ... } end })
      socket:connect(nobody())
      socket:send("x")
      until_true(function() return #told > 0 end)
      tl.sleep(0.005)
      assert.same({ { socket, "connection refused", "ECONNREFUSED" } }, told)
      assert.is_false(socket:closed())
    end)

    it("reports it to the option error in the same way", function()
      local told
      local socket = udp("127.0.0.1:0", echo, { error = function(_, _, code) told = code end })
      socket:connect(nobody())
      socket:send("x")
      until_true(function() return told end)
      assert.equal("ECONNREFUSED", told)
    end)

    it("reports it as an error without a callback", function()
      local told
      tl.on("error", function(message) told = message end)
      local socket = udp("127.0.0.1:0", echo)
      socket:connect(nobody())
      socket:send("x")
      until_true(function() return told end)
      assert.equal(("udp %s: connection refused"):format(socket:sock()), told)
    end)

    it("does not spin while no task wants to know", function()
      local socket = udp("127.0.0.1:0", echo):pause()
      socket:connect(nobody())
      socket:send("x")
      tl.sleep(0.005)
      local turns = tl.stats().turns
      tl.sleep(0.02)
      assert.is_true(tl.stats().turns - turns < 10)
    end)
  end)

  describe("connects", function()
    it("and receives from no others, until it is undone", function()
      local server, client = pair()
      local other = udp("127.0.0.1:0")
      assert.equal(server:sock(), client:peer())
      assert.same({ "127.0.0.1", tonumber(server:sock():match("%d+$")) },
        { client:getpeername() })
      other:send("no", client:sock())
      server:send("yes", client:sock())
      assert.equal("yes", (client:receive()))
      assert.equal(1, client:setpeername("*"))
      assert.is_nil(client:peer())
      assert.same({ nil, "not connected", "ENOTCONN" }, { client:getpeername() })
      other:send("now", client:sock())
      assert.equal("now", (client:receive()))
    end)

    it("a socket of both families to IPv4", function()
      local server, client = udp("127.0.0.1:0", echo), udp(nil, nil, { timeout = 5 })
      assert.is_true(client:connect(server:sock()))
      assert.equal(server:sock(), client:peer())
      assert.equal("127.0.0.1", (client:getsockname()))
      client:send("x")
      assert.same({ "x", server:sock() }, { client:receive() })
    end)
  end)
end)
