-- How datagram sockets are made, what keeps a program running, and LuaSocket's forms.
-- Cases that need the program's own end are run by the program.
local ffi = require "ffi"
local datagrams = require "tests.support.datagrams"
local support = require "tests.support"
local tl = require "timerlua"

ffi.cdef [[
  int fcntl(int fd, int command, ...);
  int dup2(int from, int to);
  int close(int fd);
]]

local udp, echo, until_true = datagrams.udp, datagrams.echo, datagrams.until_true

describe("tl.udp", function()
  before_each(datagrams.begin)
  after_each(datagrams.finish)

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

  it("reports why it cannot be made", function()
    local server = udp("127.0.0.1:0")
    assert.same({ nil, ("udp %s: address already in use"):format(server:sock()),
      "EADDRINUSE" }, { tl.udp(server:sock()) })
    assert.same({ nil, "udp 192.0.2.1:0: cannot assign requested address",
      "EADDRNOTAVAIL" }, { tl.udp("192.0.2.1:0") })
    assert.same({ nil, "udp unix:/nowhere/x: no such file or directory", "ENOENT" },
      { tl.udp("unix:/nowhere/x") })
  end)

  it("refuses senseless arguments, naming the rule", function()
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
    assert.truthy(message:find("must be one of broadcast, error, mode, multicast", 1, true))
  end)
end)
