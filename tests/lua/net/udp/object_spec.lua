-- The state of a datagram socket, its options and groups, and its end.
local ffi = require "ffi"
local datagrams = require "tests.support.datagrams"
local support = require "tests.support"
local tl = require "timerlua"

local udp, pair = datagrams.udp, datagrams.pair
local echo, until_true = datagrams.echo, datagrams.until_true
local count_fds = support.count_fds

describe("tl.udp", function()
  local before

  before_each(function() before = datagrams.begin() end)
  after_each(datagrams.finish)

  describe("has the kernel's options:", function()
    it("given and read back", function()
      local given = { broadcast = true, ttl = 7, multicast_ttl = 3, multicast_loop = false,
        reuseaddr = true, reuseport = true }
      for _, address in ipairs { "127.0.0.1:0", "[::1]:0" } do
        local socket = udp(address, nil, given)
        for name, value in pairs(given) do
          assert.equal(value, socket:getoption(name), address .. " " .. name)
        end
        assert.is_true(socket:setoption("ttl", 9))
        assert.equal(9, socket:getoption("ttl"))
      end
      assert.is_true(udp("[::1]:0", nil, { v6only = true }):getoption("v6only"))
      assert.is_false(udp(":0"):getoption("v6only"))
      assert.is_true(udp(nil, nil, { rcvbuf = 100000 }):getoption("rcvbuf") >= 100000)
    end)

    it("one port for several, by reuseport", function()
      local first = udp("127.0.0.1:0", nil, { reuseport = true })
      udp(first:sock(), nil, { reuseport = true })
      assert.same({ nil, ("udp %s: address already in use"):format(first:sock()),
        "EADDRINUSE" }, { tl.udp(first:sock()) })
    end)

    it("broadcast, which is not allowed by default", function()
      local got
      local server = udp("0.0.0.0:0", function(_, data) got = data end)
      local to = "127.255.255.255:" .. server:sock():match("%d+$")
      assert.same({ nil, "permission denied", "EACCES" }, { udp():send("x", to) })
      assert.equal(1, udp(nil, nil, { broadcast = true }):send("x", to))
      until_true(function() return got end)
      assert.equal("x", got)
    end)

    it("multicast on loopback, until it is left", function()
      local got = {}
      local server = udp("0.0.0.0:0", function(_, data) got[#got + 1] = data end)
      local sender = udp("127.0.0.1:0", nil, { multicast_interface = "lo" })
      local to = "239.7.7.7:" .. server:sock():match("%d+$")
      assert.is_true(server:join("239.7.7.7", "lo"))
      assert.equal(3, sender:send("one", to))
      until_true(function() return #got == 1 end)
      assert.is_true(server:leave("239.7.7.7", "lo"))
      sender:send("two", to)
      tl.sleep(0.005)
      assert.same({ "one" }, got)
    end)

    it("groups, each joined once and left once", function()
      for group, address in pairs { ["239.7.7.7"] = "0.0.0.0:0", ["ff01::77"] = "[::]:0",
        ["[ff01::78%lo]"] = "[::]:0" } do
        local server = udp(address)
        local interface = not group:find("%%") and "lo" or nil
        assert.is_true(server:join(group, interface))
        local _, _, code = server:join(group, interface)
        assert.equal("EADDRINUSE", code)
        assert.is_true(server:leave(group, interface))
        _, _, code = server:leave(group, interface)
        assert.equal("EADDRNOTAVAIL", code)
      end
    end)

    it("groups of IPv4 for a socket of both families", function()
      local got
      local server = udp(":0", function(_, data) got = data end)
      local sender = udp(nil, nil, { multicast_interface = "lo" })
      assert.is_true(server:join("239.7.7.8", "lo"))
      sender:send("x", "239.7.7.8:" .. server:sock():match("%d+$"))
      until_true(function() return got end)
      assert.equal("x", got)
    end)

    it("failures of theirs", function()
      local socket = udp("127.0.0.1:0")
      local function code_of(...) return (select(3, ...)) end
      assert.equal("EINVAL", code_of(socket:join("10.0.0.1")))
      assert.equal("ENODEV", code_of(socket:join("239.7.7.7", "nosuchdevice")))
      assert.same({ nil, "udp 127.0.0.1:0: option multicast_interface: no such device",
        "ENODEV" }, { tl.udp("127.0.0.1:0", nil, { multicast_interface = "nosuchdevice" }) })
      socket:close()
      assert.equal("EBADF", code_of(socket:join("239.7.7.7")))
      assert.equal("EBADF", code_of(socket:setoption("ttl", 1)))
      assert.equal("EBADF", code_of(socket:getoption("ttl")))
    end)
  end)

  describe("is", function()
    it("in the list of handles", function()
      local server, client = pair(echo)
      server.name = "echo"
      local rows = {}
      for _, row in ipairs(tl.handles()) do
        if row.kind == "udp" then rows[row.handle] = row end
      end
      assert.same({ kind = "udp", handle = server, name = "echo", site = server.site,
        fd = server:fileno(), address = server:sock(), active = true,
        paused = false }, rows[server])
      assert.same({ kind = "udp", handle = client, fd = client:fileno(),
        address = client:sock(), peer = server:sock(), active = false,
        paused = false }, rows[client])
      assert.truthy(server.site:find("datagrams.lua:%d+$"))
      assert.equal("timerlua.Udp: " .. server:sock(), tostring(server))
      server:close()
      assert.equal("timerlua.Udp: closed", tostring(server))
      assert.is_nil(server:sock())
      assert.is_nil(server:fileno())
    end)

    it("listed while its callback waits", function()
      local seen
      local _, client = pair(function() tl.sleep(0.005) seen = seen or "late" end)
      client:send("x")
      tl.sleep(0.002)
      seen = tl.handles()
      tl.sleep(0.005)
      assert.is_table(seen)
    end)

    it("counted", function()
      local C, raw = require("timerlua.core.ffi").C, ffi.new("tl_loop_stats")
      local loop = require("timerlua.core.ffi").loop
      local server, client = pair(echo)
      C.tl_loop_stats_get(loop, raw)
      local sends, receives, sent, received = raw.sends, raw.receives, raw.sent, raw.received
      client:send("12345")
      client:receive()
      C.tl_loop_stats_get(loop, raw)
      assert.same({ 2, 10, 10 }, { raw.sends - sends, raw.sent - sent,
        raw.received - received })
      assert.is_true(raw.receives - receives >= 2 and raw.receives - receives <= 4)
      assert.is_false(server:closed())
    end)

    it("closed when it becomes garbage, with its file", function()
      local path = os.tmpname()
      os.remove(path)
      local function make() -- in a frame of its own: none of its slots is kept
        tl.udp("unix:" .. path)
        tl.udp("127.0.0.1:0")
      end
      make()
      support.collect()
      assert.is_nil(io.open(path))
      assert.same(before.fds, count_fds())
    end)

    it("not closed while its callback may be called or a task waits for it", function()
      local got = {}
      local address = assert(tl.udp("127.0.0.1:0", function(socket, data)
        got[1] = data
        socket:close()
      end)):sock()
      local other
      local task = tl.spawn(function()
        local socket = tl.udp("127.0.0.1:0")
        other = socket:sock()
        return socket:receive()
      end)
      tl.sleep(0)
      support.collect()
      local client = udp()
      client:send("a", address)
      client:send("b", other)
      assert.equal("b", (task:join()))
      until_true(function() return got[1] end)
    end)
  end)
end)
