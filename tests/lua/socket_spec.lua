-- Plain sockets: lua/timerlua/socket.lua.
local ffi = require "ffi"
local socket = require "timerlua.socket"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

pcall(ffi.cdef, "int fcntl(int fd, int command, ...);") -- in support, too
local F_GETFD, F_GETFL, FD_CLOEXEC, O_NONBLOCK = 1, 3, 1, 2048

local function listener(host, family)
  local s = assert(socket.socket(family))
  assert(s:setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1))
  assert(s:bind(host or "127.0.0.1:0"))
  assert(s:listen())
  return s
end

local function pair(host, family)
  local s, client = listener(host, family), assert(socket.socket(family))
  assert(client:connect((s:getsockname())))
  local conn = assert(s:accept())
  s:close()
  return conn, client
end

local function close(...)
  for _, each in ipairs { ... } do assert.is_true(each:close()) end
end

local function fill(s)
  s:setblocking(false)
  local count = 0
  while true do
    local sent, _, code = s:send(("x"):rep(65536))
    if not sent then
      assert.equal("EAGAIN", code)
      s:setblocking(true)
      return count
    end
    count = count + sent
  end
end

describe("a plain socket", function()
  it("is close-on-exec and non-blocking for the kernel, accepted ones too", function()
    sockets.run(function()
      local a, b = pair()
      local c, d = assert(socket.socketpair())
      for _, each in ipairs { a, b, c, d } do
        assert.equal(FD_CLOEXEC, ffi.C.fcntl(each:fileno(), F_GETFD))
        assert.equal(O_NONBLOCK, bit.band(ffi.C.fcntl(each:fileno(), F_GETFL), O_NONBLOCK))
        assert.is_true(each:getblocking())
      end
      close(a, b, c, d)
    end)
  end)

  it("exchanges bytes over TCP, IPv6 and Unix sockets", function()
    sockets.run(function()
      local path = os.tmpname()
      os.remove(path)
      for _, case in ipairs { { "127.0.0.1:0" }, { "localhost:0" }, { "[::1]:0", socket.AF_INET6 },
        { "unix:" .. path, socket.AF_UNIX }, { "\0timerlua spec", socket.AF_UNIX } } do
        local conn, client = pair(case[1], case[2])
        assert.equal(5, client:send("hello"))
        assert.equal("he", conn:recv(2))
        assert.equal("llo", conn:recv(100))
        assert.equal("", conn:recv(0))
        assert.is_true(client:shutdown(socket.SHUT_WR))
        assert.equal("", conn:recv(100))
        assert.equal(3, conn:send("12345", 3))
        assert.equal("345", client:recv(100))
        close(conn, client)
      end
      os.remove(path)
    end)
  end)

  it("returns both ends' addresses", function()
    sockets.run(function()
      local s, client = listener(), assert(socket.socket())
      assert.is_true(client:connect("127.0.0.1", tonumber(s:getsockname():match("%d+$"))))
      local conn, peer = s:accept()
      assert.equal(client:getsockname(), peer)
      assert.equal(peer, conn:getpeername())
      assert.equal(s:getsockname(), client:getpeername())
      assert.equal("timerlua.Socket: " .. peer, tostring(client))
      close(s, client, conn)
      assert.equal("timerlua.Socket: closed", tostring(client))
    end)
  end)

  it("takes an empty host as all interfaces, and as this host to connect to", function()
    sockets.run(function()
      local s, client = listener(":0"), assert(socket.socket())
      assert.equal("0.0.0.0", s:getsockname():match("^(.*):"))
      assert.is_true(client:connect((s:getsockname():match(":%d+$"))))
      close(s, client)
    end)
  end)

  it("carries datagrams", function()
    sockets.run(function()
      local a = assert(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
      local b = assert(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
      assert(a:bind("127.0.0.1", 0))
      assert(b:bind("127.0.0.1:0"))
      assert.equal(5, a:sendto("hello", (b:getsockname())))
      assert.equal(0, a:sendto("", (b:getsockname())))
      local bytes, from = b:recvfrom(3)
      assert.same({ "hel", a:getsockname() }, { bytes, from })
      assert.same({ "", a:getsockname() }, { b:recvfrom(3) })
      b:setblocking(false)
      assert.same({ nil, "would block", "EAGAIN" }, { b:recvfrom(3) })
      close(a, b)
    end)
  end)

  it("peeks, and takes urgent bytes apart", function()
    sockets.run(function()
      local conn, client = pair()
      client:send("ab")
      assert.equal("ab", conn:recv(9, socket.MSG_PEEK))
      assert.equal("ab", conn:recv(9))
      client:send("!", 1, socket.MSG_OOB)
      client:send("c")
      sockets.till(function() return conn:recv(9, socket.MSG_PEEK) == "c" end)
      assert.equal("!", conn:recv(9, socket.MSG_OOB))
      assert.equal("c", conn:recv(9))
      close(conn, client)
    end)
  end)
end)

describe("a plain socket in non-blocking mode", function()
  it("returns at once from calls that would block", function()
    sockets.run(function()
      local s = listener()
      s:setblocking(false)
      assert.same({ nil, "would block", "EAGAIN" }, { s:accept() })
      local client = assert(socket.socket())
      client:setblocking(false)
      assert.is_false(client:getblocking())
      local ok, message, code = client:connect((s:getsockname()))
      assert.same({ nil, ("socket:connect %s: operation now in progress"):format(s:getsockname()),
        "EINPROGRESS" }, { ok, message, code })
      sockets.till(function() return client:getpeername() end)
      assert.equal(0, client:getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
      local conn = assert(s:accept())
      assert.is_true(conn:getblocking())
      assert.same({ nil, "would block", "EAGAIN" }, { client:recv(1) })
      close(s, client, conn)
    end)
  end)

  it("takes a part of too many bytes, and returns its length", function()
    sockets.run(function()
      local a, b = assert(socket.socketpair())
      a:setblocking(false)
      local much = ("0123456789abcdef"):rep(65536)
      local _, message, code, sent = a:sendall(much)
      assert.same({ "would block", "EAGAIN" }, { message, code })
      assert.is_true(sent > 0 and sent < #much)
      local got = {}
      while sent < #much do
        got[#got + 1] = b:recv(2 ^ 20)
        sent = sent + (a:send(much, sent + 1) or 0)
      end
      close(a)
      repeat
        got[#got + 1] = b:recv(70000)
      until got[#got] == ""
      assert.is_true(table.concat(got) == much)
      close(b)
    end)
  end)
end)

describe("a plain socket in blocking mode", function()
  it("waits in a task while the loop goes on", function()
    sockets.run(function()
      local s, ticks = listener(), 0
      local ticking = tl.every(0.001, function() ticks = ticks + 1 end)
      local client = assert(socket.socket())
      tl.after(0.005, function() assert(client:connect((s:getsockname()))) end)
      local conn = assert(s:accept())
      tl.after(0.005, function() client:sendall("x") end)
      assert.equal("x", conn:recv(1))
      local taken = 0
      local room = fill(conn)
      tl.spawn(function()
        tl.sleep(0.005)
        while taken < room + 100000 do taken = taken + #client:recv(65536) end
      end)
      assert.is_true(conn:sendall(("y"):rep(100000)))
      sockets.till(function() return taken == room + 100000 end)
      ticking:cancel()
      assert.is_true(ticks > 5)
      close(s, client, conn)
    end)
  end)

  it("blocks the thread elsewhere, with and without a time", function()
    local script = [[
      local socket = require "timerlua.socket"
      local s = assert(socket.socket())
      assert(s:bind("127.0.0.1:0"))
      assert(s:listen())
      local c = assert(socket.socket())
      assert(c:connect((s:getsockname())))
      local conn = assert(s:accept())
      conn:settimeout(0.02)
      print(conn:recv(1))
      conn:settimeout(nil)
      print(coroutine.wrap(function()
        c:send("x")
        return conn:recv(1)
      end)())]]
    local expected = "nil\tsocket:recv: timed out\tETIMEDOUT\nx\n"
    assert.equal(expected, support.run(script).out)
    assert.equal(expected, support.shell('LD_PRELOAD="$SANITIZER_PRELOAD" luajit -e '
      .. support.quote(script)).out)
  end)

  it("costs no epoll_ctl when it waits again", function()
    sockets.run(function()
      local a, b = assert(socket.socketpair())
      b:send("x")
      tl.after(0, function() b:send("y") end)
      assert.equal("x", a:recv(1))
      assert.equal("y", a:recv(1))
      local before = sockets.stats().controls
      for _ = 1, 10 do
        tl.spawn(b.send, b, "z")
        assert.equal("z", a:recv(1))
      end
      -- but for a turn that is let pass every so often while nobody waits
      assert.is_true(sockets.stats().controls - before <= 2)
      close(a, b)
    end)
  end)

  it("gives up after its time, which covers the whole of sendall", function()
    sockets.run(function()
      local a, b = assert(socket.socketpair())
      a:settimeout("10ms")
      assert.equal(0.01, a:gettimeout())
      assert.same({ nil, "socket:recv: timed out", "ETIMEDOUT" }, { a:recv(1) })
      local drip = tl.every(0.002, function() b:recv(4096) end)
      local much = ("x"):rep(2 ^ 22)
      local start = tl.now()
      local _, message, code, sent = a:sendall(much)
      assert.same({ "socket:sendall: timed out", "ETIMEDOUT" }, { message, code })
      assert.is_true(sent > 0 and tl.now() - start >= 0.01)
      drip:cancel()
      local s = listener()
      s:settimeout(0.001)
      assert.same({ nil, "socket:accept: timed out", "ETIMEDOUT" }, { s:accept() })
      close(a, b, s)
    end)
  end)

  it("lets one task receive and another send", function()
    sockets.run(function()
      local a, b = pair()
      local room = fill(a)
      local got
      local reader = tl.spawn(function() got = a:recv(10) end)
      local writer = tl.spawn(function() assert(a:sendall("last")) end)
      sockets.turns()
      b:send("first")
      reader:join()
      assert.equal("first", got)
      local taken = ""
      while #taken < room + 4 do taken = taken .. b:recv(2 ^ 20) end
      writer:join()
      assert.equal("xlast", taken:sub(-5))
      close(a, b)
    end)
  end)

  it("ends with the task's limit, and stays usable", function()
    sockets.run(function()
      local a, b = assert(socket.socketpair())
      assert.same({ nil, "timeout", "ETIMEDOUT" }, { tl.timeout(0.005, a.recv, a, 1) })
      b:send("x")
      assert.equal("x", a:recv(1))
      local t = tl.spawn(a.recv, a, 1)
      sockets.turns()
      t:cancel()
      sockets.turns()
      b:send("y")
      assert.equal("y", a:recv(1))
      close(a, b)
    end)
  end)

  it("ends when another task closes the socket", function()
    sockets.run(function()
      local a, b = assert(socket.socketpair())
      local waiting = tl.spawn(function() return a:recv(1) end)
      sockets.turns()
      a:close()
      assert.same({ nil, "socket:recv: bad file descriptor", "EBADF" },
        { waiting:join() })
      close(b)
    end)
  end)

  it("waits for a Unix socket's backlog to have room", function()
    sockets.run(function()
      local s = assert(socket.socket(socket.AF_UNIX))
      assert(s:bind("unix:@timerlua backlog"))
      assert(s:listen(0))
      local first, second = assert(socket.socket(1)), assert(socket.socket(1))
      assert.is_true(first:connect("unix:@timerlua backlog"))
      second:settimeout(0.02)
      assert.same({ nil, "socket:connect unix:@timerlua backlog: timed out", "ETIMEDOUT" },
        { second:connect("unix:@timerlua backlog") })
      second:settimeout(nil)
      local conn
      tl.after(0.005, function() conn = s:accept() end)
      assert.is_true(second:connect("unix:@timerlua backlog"))
      close(s, first, second, conn)
    end)
  end)

  it("leaves Ctrl-C to luajit while a call blocks", function()
    local r = support.shell(([[LD_PRELOAD="$SANITIZER_PRELOAD" timeout -s INT 0.3 luajit -e %s]])
      :format(support.quote [[
        local socket = require "timerlua.socket"
        local a, b = socket.socketpair()
        print(pcall(a.recv, a, 1))
      ]]), { timeout = 20 })
    assert.equal("", r.err)
    assert.truthy(r.out:find("interrupted!", 1, true), r.out)
  end)
end)

describe("a plain socket's failures", function()
  it("name the operation, and the cause", function()
    sockets.run(function()
      local s, other = listener(), assert(socket.socket())
      local own = s:getsockname()
      assert.same({ nil, "socket:bind " .. own .. ": address already in use", "EADDRINUSE" },
        { other:bind(own) })
      s:close()
      assert.same({ nil, ("socket:connect %s: connection refused"):format(own), "ECONNREFUSED" },
        { other:connect(own) })
      assert.same({ nil, "socket:getpeername: transport endpoint is not connected", "ENOTCONN" },
        { other:getpeername() })
      assert.same({ nil, "socket:setsockopt: protocol not available", "ENOPROTOOPT" },
        { other:setsockopt(socket.IPPROTO_TCP, 9999, 1) })
      assert.same({ nil, "socket.socket: address family not supported by protocol",
        "EAFNOSUPPORT" }, { socket.socket(999) })
      assert.same({ nil, "socket:bind 256.example.invalid: host not found", "ENOTFOUND" },
        { other:bind("256.example.invalid", 0) })
      other:close()
    end)
  end)

  it("are returned without a signal", function()
    sockets.run(function()
      local a, b = assert(socket.socketpair())
      b:close()
      assert.same({ nil, "socket:send: broken pipe", "EPIPE" }, { a:send("x") })
      assert.same({ nil, "socket:sendall: broken pipe", "EPIPE", 0 }, { a:sendall("x") })
      a:close()
    end)
  end)

  it("after close are EBADF, and close is harmless when repeated", function()
    sockets.run(function()
      local s = assert(socket.socket())
      assert.is_false(s.closed)
      close(s, s)
      assert.is_true(s.closed)
      assert.equal(-1, s:fileno())
      for method, argument in pairs { recv = 1, send = "x", bind = "127.0.0.1:0", listen = 1,
        accept = false, shutdown = socket.SHUT_RD, connect = "127.0.0.1:1",
        getsockname = false, getpeername = false, sendall = "x", recvfrom = 1 } do
        local _, message, code = s[method](s, argument or nil)
        assert.equal("EBADF", code, method)
        assert.truthy(message:find("^socket:" .. method .. ".*: bad file descriptor$"), method)
      end
    end)
  end)

  it("of the programmer raise at the caller's line", function()
    local s = assert(socket.socket())
    local rule = "HERE: timerlua.socket"
    for expected, call in pairs {
      [":recv: the number of bytes must be a whole number from 0 to 2^30, got nil"] =
        function() s:recv() end,
      [":recv: the number of bytes must be a whole number from 0 to 2^30, got 1.5"] =
        function() s:recv(1.5) end,
      [":recv: it must be called on a socket, as s:recv(), got 1"] = function() s.recv(1) end,
      [":send: bytes must be a string, got nil"] = function() s:send() end,
      [":send: start must be a whole number from 1 to 3, got 4"] = function() s:send("ab", 4) end,
      [":bind: port must be a whole number from 0 to 65535, got 65536"] =
        function() s:bind("127.0.0.1", 65536) end,
      [':bind: address must be a text such as "127.0.0.1:80", or a host and a port, got nil'] =
        function() s:bind() end,
      [':connect: address must be one, not a descriptor, got "fd:3"'] =
        function() s:connect("fd:3") end,
      [":shutdown: how must be SHUT_RD, SHUT_WR or SHUT_RDWR, got 7"] =
        function() s:shutdown(7) end,
      [":setblocking: flag must be true or false, got 0"] = function() s:setblocking(0) end,
      [":settimeout: seconds must be a number >= 0, got -1"] = function() s:settimeout(-1) end,
      [':setsockopt: value must be a whole number from -2147483648 to 2147483647, got nil'] =
        function() s:setsockopt(1, 2) end,
      [".socket: family must be a whole number from -2147483648 to 2147483647, got \"inet\""] =
        function() socket.socket("inet") end,
    } do
      assert.equal(rule .. expected, support.raised(call))
    end
    s:close()
  end)
end)

describe("a plain socket's options", function()
  it("are numbers, truth values, or the bytes of a struct", function()
    sockets.run(function()
      local s = assert(socket.socket())
      assert.equal(0, s:getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
      assert.is_true(s:setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, true))
      assert.equal(1, s:getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
      assert.is_true(s:setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096))
      assert.equal(8192, s:getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))
      local linger = ffi.new("int32_t[2]", 1, 5)
      assert.is_true(s:setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ffi.string(linger, 8)))
      assert.equal(ffi.string(linger, 8), s:getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))
      assert.equal(socket.SOCK_STREAM, s:getsockopt(socket.SOL_SOCKET, socket.SO_TYPE))
      s:close()
    end)
  end)

  it("have the numbers of the C headers, all of them", function()
    local lines, expected = {}, {}
    for name, value in pairs(socket) do
      if type(value) == "number" then
        assert.is_true(value >= 0, name)
        lines[#lines + 1] = ('printf("%s %%d\\n", %s);'):format(name, name)
        expected[name] = value
      end
    end
    local source = support.temporary("#include <stdio.h>\n#include <sys/socket.h>\n"
      .. "#include <netinet/in.h>\n#include <netinet/tcp.h>\nint main(void) {"
      .. table.concat(lines, "\n") .. "}\n")
    local r = support.shell(("cc -D_GNU_SOURCE -x c %s -o %s.out && %s.out; rm -f %s %s.out")
      :format(source, source, source, source, source))
    local seen = {}
    for name, value in r.out:gmatch("(%S+) (%d+)\n") do seen[name] = tonumber(value) end
    assert.same(expected, seen)
  end)
end)

describe("a plain socket's descriptor", function()
  it("is closed with the object when that becomes garbage", function()
    sockets.run(function() -- checks descriptors and handles
      local a, b = assert(socket.socketpair())
      tl.after(0, function() b:send("x") end)
      assert.equal("x", a:recv(1)) -- it has a place now
      assert.truthy(b:fileno() >= 0)
    end)
  end)

  it("can be given away", function()
    sockets.run(function()
      local a, b = assert(socket.socketpair())
      tl.after(0, function() b:send("x") end)
      assert.equal("x", a:recv(1))
      local fd = a:detach()
      assert.is_true(a.closed)
      assert.equal(-1, a:detach())
      support.collect()
      local conn = assert(tl.connect("fd:" .. fd))
      b:send("hello\n")
      assert.equal("hello", conn:receive())
      conn:close()
      b:close()
    end)
  end)

  it("may be watched beside", function()
    sockets.run(function()
      local a, b = assert(socket.socketpair())
      local seen = 0
      local watch = tl.watch(a:fileno(), "r", function() seen = seen + 1 end)
      tl.after(0.002, function() b:send("x") end)
      assert.equal("x", a:recv(1))
      watch:cancel()
      close(a, b)
    end)
  end)
end)
