-- Datagram sockets. The specs' process is a plain luajit, whose main chunk
-- waits; what a program's own end depends on is run by the program.
local ffi = require "ffi"
local support = require "tests.support"

ffi.cdef [[
  int fcntl(int fd, int command, ...);
  int dup2(int from, int to);
  int close(int fd);
]]

local count_fds = support.count_fds

local LONGEST = 65507 -- bytes in a UDP datagram over IPv4, udp(7)

describe("tl.udp", function()
  local tl, open, before, watchdog

  local function counts()
    support.collect()
    tl.sleep(0) -- what was woken by the end of the test
    return { fds = count_fds(), handles = tl.stats().handles, active = tl.stats().active }
  end

  before_each(function()
    tl = require "timerlua"
    open = {}
    support.open_timer()
    before = counts()
    watchdog = tl.after(20, function() error("nothing happened") end)
  end)

  after_each(function()
    watchdog:cancel()
    for _, socket in ipairs(open) do socket:close() end
    open = nil
    assert.same(before, counts())
  end)

  local function udp(...)
    local socket = assert(tl.udp(...))
    open[#open + 1] = socket
    return socket
  end

  local function pair(handler, opts)
    local server = udp("127.0.0.1:0", handler, opts)
    local client = udp("127.0.0.1:0", nil, { timeout = 5 })
    assert.is_true(client:connect(server:sock()))
    return server, client
  end

  local function echo(socket, data, from) socket:send(data, from) end

  -- Let callbacks run until it is so.
  local function until_true(condition)
    for _ = 1, 5000 do
      if condition() then return end
      tl.sleep(0.001)
    end
    error("it never became true", 2)
  end

  -- A port where nobody listens.
  local function nobody()
    local socket = assert(tl.udp("127.0.0.1:0"))
    local address = socket:sock()
    socket:close()
    return address
  end

  describe("receives", function()
    it("by a callback, with where it came from", function()
      local server, client = pair(echo)
      assert.equal(5, client:send("hello"))
      assert.same({ "hello", server:sock() }, { client:receive() })
    end)

    it("by a task", function()
      local server, client = pair()
      local task = tl.spawn(function() return server:receive() end)
      client:send("hello")
      assert.same({ "hello", client:sock() }, { task:join() })
    end)

    it("what came before it was asked for", function()
      local server, client = pair()
      client:send("one")
      client:send("two")
      assert.equal("one", (server:receive()))
      assert.equal("two", (server:receive()))
    end)

    it("many in order, by a callback", function()
      local got = {}
      local _, client = pair(function(_, data) got[#got + 1] = tonumber(data) end,
        { rcvbuf = 2 ^ 20 })
      for i = 1, 500 do client:send(i) end
      until_true(function() return #got == 500 end)
      for i = 1, 500 do assert.equal(i, got[i]) end
    end)

    it("many in order, by a task, and others get their turn", function()
      local server, client = pair(nil, { rcvbuf = 2 ^ 20 })
      for i = 1, 500 do client:send(i) end
      local turns = 0
      local timer = tl.every(0.000001, function() turns = turns + 1 end)
      for i = 1, 500 do assert.equal(tostring(i), (server:receive())) end
      timer:cancel()
      assert.is_true(turns >= 10, turns)
    end)

    it("empty ones", function()
      local got
      local _, client = pair(function(_, data, from) got = { data, from } end)
      assert.equal(0, client:send(""))
      until_true(function() return got end)
      assert.same({ "", client:sock() }, got)
    end)

    it("the longest there is", function()
      local server, client = pair(echo)
      local data = ("0123456789abcdef"):rep(5000):sub(1, LONGEST)
      assert.equal(LONGEST, client:send(data))
      local back, from = client:receive()
      assert.is_true(back == data)
      assert.equal(server:sock(), from)
    end)

    it("with limited patience", function()
      local server = udp("127.0.0.1:0", nil, { timeout = "10ms" })
      local start = tl.now()
      assert.same({ nil, "timeout", "ETIMEDOUT" }, { server:receive() })
      assert.is_true(tl.now() - start >= 0.01)
      assert.equal(1, server:settimeout(0))
      assert.same({ nil, "timeout", "ETIMEDOUT" }, { server:receive() })
      assert.equal(1, server:settimeout(-1))
      assert.equal("late", (tl.timeout(0.01, server.receive, server)) or "late")
    end)

    it("until tl.timeout stops it, and can go on", function()
      local server, client = pair()
      assert.same({ nil, "timeout", "ETIMEDOUT" },
        { tl.timeout(0.01, function() return server:receive() end) })
      assert.equal(before.active + 1, tl.stats().active) -- the watchdog
      client:send("later")
      assert.equal("later", (server:receive()))
    end)

    it("for one task at a time", function()
      local server, client = pair()
      local first = tl.spawn(function() return server:receive() end)
      tl.sleep(0)
      assert.same({ nil, "busy", "EBUSY" }, { server:receive() })
      client:send("x")
      assert.equal("x", (first:join()))
    end)

    it("for a callback or for tasks", function()
      assert.same({ nil, "busy", "EBUSY" }, { (pair(echo)):receive() })
    end)

    it("no more once it is closed, and tells who waits", function()
      local server = udp("127.0.0.1:0")
      local task = tl.spawn(function() return server:receive() end)
      tl.sleep(0)
      assert.is_true(server:close())
      assert.same({ nil, "closed", "EBADF" }, { task:join() })
      assert.same({ nil, "closed", "EBADF" }, { server:receive() })
      assert.same({ nil, "closed", "EBADF" }, { server:send("x", "127.0.0.1:9") })
      assert.is_true(server:close())
    end)
  end)

  describe("calls its callback", function()
    it("not before the last one is over, when that waits", function()
      local got, running, most = {}, 0, 0
      local _, client = pair(function(_, data)
        running = running + 1
        most = math.max(most, running)
        tl.sleep(0.002)
        running = running - 1
        got[#got + 1] = data
      end)
      for i = 1, 5 do client:send(i) end
      until_true(function() return #got == 5 end)
      assert.same({ "1", "2", "3", "4", "5" }, got)
      assert.equal(1, most)
    end)

    it("again after an error in it, which is reported", function()
      local r = support.run [[
        local tl = require "timerlua"
        local server = assert(tl.udp("127.0.0.1:0", function(socket, data)
          if data == "bad" then error("oops") end
          socket:close()
        end))
        local client = assert(tl.udp())
        client:send("bad", server:sock())
        client:send("good", server:sock())
      ]]
      assert.equal(1, r.code)
      assert.truthy(r.err:find("error in udp %(%(command line%):%d+%): .-oops") or
        r.err:find("error in udp .-oops"), r.err)
      assert.equal(1, support.count("oops", r))
    end)

    it("not while it is paused, and then not in a hurry", function()
      local got = {}
      local server, client = pair(function(_, data) got[#got + 1] = data end)
      assert.equal(server, server:pause())
      for i = 1, 3 do client:send(i) end
      local turns = tl.stats().turns
      tl.sleep(0.05)
      assert.same({}, got)
      assert.is_true(tl.stats().turns - turns < 10)
      assert.equal(server, server:resume())
      until_true(function() return #got == 3 end)
      assert.same({ "1", "2", "3" }, got)
    end)

    it("no more once it has closed the socket, though more has come", function()
      local got = {}
      local server, client = pair(function(socket, data)
        got[#got + 1] = data
        if #got == 2 then socket:close() end
      end)
      for i = 1, 10 do client:send(i) end
      until_true(function() return server:closed() end)
      tl.sleep(0.005)
      assert.same({ "1", "2" }, got)
    end)

    it("in pauses of its own", function()
      local got = {}
      local server, client = pair(function(socket, data)
        got[#got + 1] = data
        if #got == 2 then socket:pause() end
      end)
      for i = 1, 4 do client:send(i) end
      until_true(function() return #got == 2 end)
      tl.sleep(0.005)
      assert.equal(2, #got)
      server:resume()
      until_true(function() return #got == 4 end)
    end)

    it("of a table, and close from a fresh stack", function()
      local told = {}
      local server, client = pair({
        data = setmetatable({}, { __call = function(_, socket, data)
          socket:close()
          told[#told + 1] = data
        end }),
        close = function(socket) told[#told + 1] = socket end,
      })
      client:send("data")
      until_true(function() return #told == 2 end)
      assert.same({ "data", server }, told)
    end)

    it("not in a busy loop when a task-style socket has data nobody reads", function()
      local server, client = pair()
      server:settimeout(0.001)
      server:receive()
      client:send("x")
      tl.sleep(0.005)
      local turns = tl.stats().turns
      tl.sleep(0.02)
      assert.is_true(tl.stats().turns - turns < 10)
      assert.equal("x", (server:receive()))
    end)
  end)

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

    it("nothing too long", function()
      local server, client = pair()
      assert.same({ nil, "message too long", "EMSGSIZE" },
        { client:send(("x"):rep(LONGEST + 1)) })
      client:send("next")
      assert.equal("next", (server:receive()))
    end)

    it("not without knowing where to", function()
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

  describe("connected to where nobody listens", function()
    it("tells a reader, once", function()
      local socket = udp("127.0.0.1:0", nil, { timeout = 0.01 })
      socket:connect(nobody())
      socket:send("x")
      assert.same({ nil, "connection refused", "ECONNREFUSED" }, { socket:receive() })
      assert.same({ nil, "timeout", "ETIMEDOUT" }, { socket:receive() })
    end)

    it("tells a waiting reader", function()
      local socket = udp("127.0.0.1:0")
      socket:connect(nobody())
      local task = tl.spawn(function() return socket:receive() end)
      tl.sleep(0)
      socket:send("x")
      assert.same({ nil, "connection refused", "ECONNREFUSED" }, { task:join() })
    end)

    it("tells the error callback, and goes on", function()
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

    it("tells the option error in the same way", function()
      local told
      local socket = udp("127.0.0.1:0", echo, { error = function(_, _, code) told = code end })
      socket:connect(nobody())
      socket:send("x")
      until_true(function() return told end)
      assert.equal("ECONNREFUSED", told)
    end)

    it("reports it where nobody asks", function()
      local told
      tl.on("error", function(message) told = message end)
      local socket = udp("127.0.0.1:0", echo)
      socket:connect(nobody())
      socket:send("x")
      until_true(function() return told end)
      assert.equal(("udp %s: connection refused"):format(socket:sock()), told)
    end)

    it("does not spin while nobody wants to know", function()
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
    it("and hears others no more, until it is undone", function()
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

    it("broadcast, which is not allowed unless asked for", function()
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

  describe("with a Unix address", function()
    local path

    before_each(function()
      path = os.tmpname()
      os.remove(path)
    end)

    it("is a file until it is closed", function()
      local server = udp("unix:" .. path)
      local client = udp("unix:")
      assert.equal("unix:" .. path, server:sock())
      assert.truthy(client:sock():find("^unix:@%x+$"), client:sock())
      assert.equal(2, client:send("hi", server:sock()))
      assert.same({ "hi", client:sock() }, { server:receive() })
      server:close()
      assert.is_nil(io.open(path))
      local _, err, code = client:send("hi", "unix:" .. path)
      assert.same({ "no such file or directory", "ENOENT" }, { err, code })
    end)

    it("tells a datagram that is too long by its length", function()
      local server, client = udp("unix:" .. path), udp("unix:", nil, { sndbuf = 400000 })
      local told
      local flowing = udp("unix:@" .. path, { data = echo,
        error = function(_, ...) told = { ... } end })
      assert.equal(100001, client:send(("x"):rep(100001), server:sock()))
      client:send("next", server:sock())
      assert.same({ nil, "a datagram of 100001 bytes is longer than 65536", "EMSGSIZE" },
        { server:receive() })
      assert.equal("next", (server:receive()))
      assert.equal(65536, client:send(("x"):rep(65536), server:sock()))
      assert.equal(65536, #server:receive())
      local task = tl.spawn(function() return server:receive() end)
      tl.sleep(0)
      client:send(("x"):rep(70000), server:sock())
      assert.same({ nil, "a datagram of 70000 bytes is longer than 65536", "EMSGSIZE" },
        { task:join() })
      client:send(("x"):rep(65537), flowing:sock())
      until_true(function() return told end)
      assert.same({ "a datagram of 65537 bytes is longer than 65536", "EMSGSIZE" }, told)
    end)

    -- The receiver's queue is what is full, net.unix.max_dgram_qlen.
    local function fill(client, ...)
      client:settimeout(0.005)
      local sent = 0
      while true do
        local ok, err, code = client:send(sent, ...)
        if not ok then return sent, err, code end
        sent = sent + 1
      end
    end

    it("waits for room, connected and not", function()
      for _, connected in ipairs { true, false } do
        local server, client = udp("unix:"), udp("unix:")
        local to = server:sock()
        if connected then assert.is_true(client:connect(to)) end
        if connected then to = nil end
        local sent, err, code = fill(client, to)
        assert.same({ "timeout", "ETIMEDOUT" }, { err, code })
        assert.is_true(sent > 1)
        client:settimeout(5)
        local tasks = {}
        for i = 0, 2 do
          tasks[i] = tl.spawn(function() return client:send(sent + i, to) end)
        end
        tl.sleep(0.002)
        local got = {}
        for _ = 1, sent + 3 do got[#got + 1] = tonumber((server:receive())) end
        for i = 0, 2 do assert.is_number((tasks[i]:join())) end
        table.sort(got)
        for i = 1, sent + 3 do assert.equal(i - 1, got[i]) end
      end
    end)

    it("stops waiting for room when the task is cancelled, or it is closed", function()
      local server, client = udp("unix:"), udp("unix:")
      client:connect(server:sock())
      fill(client)
      client:settimeout(nil)
      assert.same({ nil, "timeout", "ETIMEDOUT" },
        { tl.timeout(0.005, function() return client:send("x") end) })
      assert.equal(before.active + 1, tl.stats().active)
      local task = tl.spawn(function() return client:send("x") end)
      tl.sleep(0.002)
      client:close()
      assert.same({ nil, "closed", "EBADF" }, { task:join() })
    end)
  end)

  describe("has LuaSocket's", function()
    it("sendto, receivefrom, setsockname and setpeername", function()
      local server, client = udp(), udp()
      assert.equal(1, server:setsockname("127.0.0.1", 0))
      local ip, port = server:getsockname()
      assert.equal("127.0.0.1", ip)
      assert.equal(1, client:setsockname("*", 0))
      assert.equal(4, client:sendto("ping", ip, port))
      local data, from_ip, from_port = server:receivefrom()
      assert.same({ "ping", "127.0.0.1", "number" }, { data, from_ip, type(from_port) })
      assert.equal(select(2, client:getsockname()), from_port)
      assert.equal(1, client:setpeername(ip, port))
      server:sendto("pong", from_ip, from_port)
      assert.equal("pong", (client:receivefrom()))
      client:settimeout(0.001)
      assert.same({ nil, "timeout", "ETIMEDOUT" }, { client:receivefrom() })
      local _, _, code = server:setsockname("127.0.0.1", port)
      assert.equal("EINVAL", code)
    end)

    it("IPv6 addresses without brackets", function()
      local server, client = udp("[::1]:0", echo), udp("[::1]:0")
      local ip, port = server:getsockname()
      client:sendto("x", ip, port)
      assert.same({ "x", ip, port }, { client:receivefrom() })
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
      assert.truthy(server.site:find("udp_spec.lua:%d+$"))
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

    it("closed when nobody has it any more, with its file", function()
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

  describe("keeps the program running", function()
    local function run(code)
      local r = support.run("local tl = require 'timerlua' " .. code, { timeout = 5 })
      assert.equal("", r.err)
      return r
    end

    it("with a handler, but not without or unref'd or paused", function()
      assert.equal(124, run("s = tl.udp('127.0.0.1:0', print) tl.after(9, print)").code)
      assert.equal(0, run("s = tl.udp('127.0.0.1:0')").code)
      assert.equal(0, run("s = tl.udp('127.0.0.1:0', print):unref()").code)
      assert.equal(0, run("s = tl.udp('127.0.0.1:0', print):pause()").code)
    end)

    it("no more after a wait was given up", function()
      assert.equal(0, run("s = tl.udp('127.0.0.1:0') s:settimeout(0.01) s:receive()").code)
      assert.equal(0, run [[s = tl.udp('127.0.0.1:0')
        tl.timeout(0.01, function() s:receive() end)]].code)
      assert.equal(0, run [[s = tl.udp('127.0.0.1:0')
        local task = tl.spawn(function() s:receive() end)
        tl.sleep(0.01) task:cancel()]].code)
    end)
  end)

  it("and connections name IPv4 peers as such on sockets of both families", function()
    local peer, own
    local listener = assert(tl.listen(":0", function(conn)
      peer, own = conn:peer(), conn:sock()
    end))
    local conn = assert(tl.connect("127.0.0.1:" .. listener.port))
    until_true(function() return peer end)
    assert.same({ conn:sock(), conn:peer() }, { peer, own })
    conn:close()
    listener:close()
    tl.sleep(0.005)
  end)

  it("takes over an inherited socket", function()
    local script = support.temporary [[
      local tl = require "timerlua"
      local socket = assert(tl.udp("fd:3"))
      tl.udp():send("inherited", socket:sock())
      print((socket:receive()))
    ]]
    local server = udp("127.0.0.1:0")
    local flags = ffi.C.fcntl(3, 1) -- F_GETFD
    local saved = ffi.C.fcntl(3, 1030, ffi.cast("int", 100)) -- F_DUPFD_CLOEXEC
    ffi.C.dup2(server:fileno(), 3)
    local r = support.run { script }
    ffi.C.dup2(saved, 3)
    ffi.C.fcntl(3, 2, ffi.cast("int", flags)) -- F_SETFD
    ffi.C.close(saved)
    os.remove(script)
    assert.equal("inherited\n", r.out .. r.err)
    local _, message, code = tl.udp("fd:250")
    assert.same({ "udp fd:250: bad file descriptor", "EBADF" }, { message, code })
  end)

  it("says why it cannot be", function()
    local server = udp("127.0.0.1:0")
    assert.same({ nil, ("udp %s: address already in use"):format(server:sock()),
      "EADDRINUSE" }, { tl.udp(server:sock()) })
    assert.same({ nil, "udp 192.0.2.1:0: cannot assign requested address",
      "EADDRNOTAVAIL" }, { tl.udp("192.0.2.1:0") })
    assert.same({ nil, "udp unix:/nowhere/x: no such file or directory", "ENOENT" },
      { tl.udp("unix:/nowhere/x") })
  end)

  it("refuses what makes no sense, naming the rule", function()
    local socket = udp("127.0.0.1:0")
    local raised = support.raised
    for message, call in pairs {
      ["HERE: timerlua.udp: handler must be a function, got 5"] =
        function() tl.udp("127.0.0.1:0", 5) end,
      ["HERE: timerlua.udp: a callback must be one of close, data, error, got \"open\""] =
        function() tl.udp("127.0.0.1:0", { open = print, data = print }) end,
      ["HERE: timerlua.udp: callback data must be a function, got nil"] =
        function() tl.udp("127.0.0.1:0", {}) end,
      ["HERE: timerlua.udp: option ttl must be a whole number from 1 to 255, got 0"] =
        function() tl.udp(nil, nil, { ttl = 0 }) end,
      ["HERE: timerlua.udp: option broadcast must be true or false, got 1"] =
        function() tl.udp(nil, nil, { broadcast = 1 }) end,
      ["HERE: timerlua.udp: option multicast_interface must be a name, got 1"] =
        function() tl.udp(nil, nil, { multicast_interface = 1 }) end,
      ["HERE: timerlua.udp: option error is for a handler"] =
        function() tl.udp(nil, nil, { error = print }) end,
      ["HERE: timerlua.udp:send: data must be a string or a string.buffer, got nil"] =
        function() socket:send(nil, "127.0.0.1:9") end,
      ["HERE: timerlua.udp:send: address must be one to send to, got \"fd:3\""] =
        function() socket:send("x", "fd:3") end,
      ["HERE: timerlua.udp:send: port must be 0 to 65535, in digits, got \"127.0.0.1:x\""] =
        function() socket:send("x", "127.0.0.1:x") end,
      ["HERE: timerlua.udp:sendto: port must be a whole number from 0 to 65535, got -1"] =
        function() socket:sendto("x", "127.0.0.1", -1) end,
      ["HERE: timerlua.udp:join: group must be an address without a port, such as "
        .. "\"239.1.2.3\", got \"all\""] = function() socket:join("all") end,
      ["HERE: timerlua.udp:join: interface must be a name, got 1"] =
        function() socket:join("239.1.2.3", 1) end,
      ["HERE: timerlua.udp:getoption: option must be the name of a socket option, got \"x\""] =
        function() socket:getoption("x") end,
    } do
      assert.equal(message, raised(call))
    end
    local receive = socket.receive
    assert.truthy(raised(function() receive({}) end):find(
      "timerlua.udp:receive: it must be called on a datagram socket", 1, true))
    local _, message = pcall(tl.udp, "127.0.0.1:0", nil, { cork = true })
    assert.truthy(message:find("an option must be one of broadcast, error, multicast", 1, true))
  end)
end)
