-- The servers and clients of scripts/descriptors/, each with clients and servers of
-- other projects.
local support = require "tests.support"
local server = require "tests.support.server"
local tl = require "timerlua"

local FOLDER = "scripts/descriptors/"
local running -- the server of the running test

local function start(name, ...)
  running = server.start(FOLDER .. name .. ".lua", ...)
  return running
end

-- End the server in good order: it has nothing to complain of.
local function stop()
  local result = running:stop()
  running = nil
  assert.equal("", result.err)
  assert.equal(143, result.code)
  return result.out
end

local function connect(address)
  return assert(tl.connect(address, { timeout = server.patience }))
end

local function count(text, pattern)
  return select(2, text:gsub(pattern, ""))
end

-- All resources of clients are released; the last client's resources may still have
-- been in use when they were counted.
local function assert_fds(before)
  server.await("the descriptors' return to " .. before, function()
    return running:fds() <= before
  end)
end

-- A command that speaks to the server, and ends well.
local function client(command)
  local r = support.shell(command, { timeout = server.patience })
  assert.equal(0, r.code, command .. "\n" .. r.out .. r.err)
  return r.out
end

after_each(function()
  if running then running:stop("KILL") end
  running = nil
  support.collect()
end)

for _, name in ipairs { "timerfd_epoll_stop", "timerfd_select_stop" } do
  describe(name, function()
    it("has its timers expire while clients come and go, until one says stop", function()
      local s = start(name, "127.0.0.1:0")
      local before = s:fds()
      client("printf 'hello\\nhalf' | nc -N 127.0.0.1 " .. s.port)
      s:await("unknown command\thello\n")
      assert_fds(before)
      local slow, reset = connect(s.address), connect(s.address)
      slow:send("st")
      s:await("timer 3 expired\t1\n")
      assert.is_nil(s:out():find("stopping", 1, true))
      reset:send("x")
      reset:abort()
      s:await("connection reset by peer")
      client("echo stop | nc -N 127.0.0.1 " .. s.port)
      local result = s:ended()
      running = nil
      assert.equal(0, result.code)
      assert.equal("", result.err)
      assert.truthy(result.out:find("stopping\tstop\n", 1, true))
      assert.is_true(count(result.out, "\ntimer 1 expired\t%d+") >= 3)
      slow:close()
    end)

    it("disconnects a client that never ends a line", function()
      local s = start(name, "127.0.0.1:0")
      local conn = connect(s.address)
      conn:send(("x"):rep(10000))
      s:await("the line is too long")
      conn:close()
      stop()
    end)
  end)
end

for _, name in ipairs { "select_echo", "select_echo_timeout", "poll_echo" } do
  describe(name, function()
    it("serves several clients and a slow one", function()
      local s = start(name, "127.0.0.1:0")
      local before = s:fds()
      local out = client(("%s %secho_slow_client.lua %s & %s %secho_multiclient.lua %s && wait $!")
        :format(support.program, FOLDER, s.address, support.program, FOLDER, s.address))
      for i = 1, 3 do assert.truthy(out:find(("socket %d is done\n"):format(i), 1, true)) end
      assert_fds(before)
      assert.equal(4, count(stop(), "\nend of 127.0.0.1:%d+\tnil"))
    end)

    it("sends all back after the client has ended its side", function()
      local s = start(name, "127.0.0.1:0")
      client(("head -c 3000000 /dev/urandom >%s; nc -N 127.0.0.1 %d <%s | cmp - %s; code=$?;"
        .. "rm %s; exit $code"):gsub("%%s", os.tmpname()):format(s.port))
      stop()
    end)

    it("neither stalls nor grows for a client that does not read", function()
      local s = start(name, "127.0.0.1:0")
      local greedy, polite = connect(s.address), connect(s.address)
      local sender = tl.spawn(function()
        for _ = 1, 40 do assert(greedy:send(("x"):rep(2 ^ 20))) end
      end)
      for i = 1, 20 do
        polite:send(i .. "\n")
        assert.equal(tostring(i), polite:receive())
        tl.sleep(0.01)
      end
      assert.equal("waiting", sender.status)
      local before = s:cpu()
      tl.sleep(0.2)
      assert.is_true(s:cpu() - before < 0.15) -- it waits, and does not poll
      if not support.sanitized then
        local peak = s:peak()
        assert.is_true(peak < 30, peak)
      end
      sender:cancel()
      greedy:abort()
      s:await("end of [^\n]*connection reset by peer")
      polite:close()
      stop()
    end)
  end)
end

describe("select_echo_timeout", function()
  it("does other work while nothing happens", function()
    start("select_echo_timeout", "127.0.0.1:0"):await("other work\nnothing happens: other work\n")
    stop()
  end)
end)

describe("the clients", function()
  for _, name in ipairs { "echo_multiclient", "echo_slow_client" } do
    it(name .. " has a server of its own, and one of socat's", function()
      local path = FOLDER .. name .. ".lua"
      local alone = support.run { path }
      assert.equal("", alone.err)
      assert.equal(0, alone.code)
      local socat = server.command(
        "socat -d -d TCP-LISTEN:0,bind=127.0.0.1,fork,reuseaddr EXEC:cat")
      local port = socat:await("listening on AF=2 127.0.0.1:(%d+)")
      local r = support.run { path, "127.0.0.1:" .. port }
      socat:stop()
      assert.equal("", r.err)
      assert.equal(0, r.code)
      local function essence(out) -- regardless of the port and the pieces
        return (out:gsub(":%d+", ""):gsub("\nreceived\t", ""))
      end
      assert.equal(essence(alone.out), essence(r.out))
    end)

    it(name .. " says that nobody listens", function()
      local r = support.run { FOLDER .. name .. ".lua", "127.0.0.1:1" }
      assert.equal(1, r.code)
      assert.truthy(r.err:find("socket:connect 127.0.0.1:1: connection refused", 1, true))
    end)
  end
end)

local GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
local BODY = "Hello, world!\n"

-- One answer: its status and whether the connection stays.
local function answer(conn)
  local headers = conn:receive_until("\r\n\r\n", true)
  if not headers then return nil end
  assert.equal(BODY, conn:receive(#BODY))
  return headers:match("^HTTP/1.1 (%d+)"), headers:match("Connection: ([%a-]+)")
end

local function it_speaks_http(name, mode, stays)
  it("answers curl, requests in pieces, and announces who ends the connection", function()
    local s = start(name, "127.0.0.1:0", mode)
    assert.equal(BODY .. BODY,
      client(("curl -s http://127.0.0.1:%d/ http://127.0.0.1:%d/"):format(s.port, s.port)))
    local conn = connect(s.address)
    for piece in GET:gmatch("..?.?.?.?.?.?") do
      conn:send(piece)
      conn:flush()
      tl.sleep(0.002)
    end
    local expected = stays and "keep-alive" or "close"
    assert.same({ "200", expected }, { answer(conn) })
    if stays then
      conn:send("GET / HTTP/1.0\n\n")
      assert.same({ "200", "close" }, { answer(conn) })
    end
    assert.same({ nil, "closed", "", "EOF" }, { conn:receive(1) })
    conn:close()
    conn = connect(s.address)
    conn:send("GET / HTTP/1.1\r\nX: " .. ("x"):rep(20000))
    assert.equal("431", (answer(conn)))
    conn:close()
    stop()
  end)

  it("answers ab's requests", function()
    local s = start(name, "127.0.0.1:0", mode)
    client(("curl -s http://127.0.0.1:%d/"):format(s.port))
    local before = s:fds() + 1 -- the loop's timerfd comes with the first timed wait
    local keep, at_once = stays and "-k" or "", name == "http_epoll" and 20 or 1
    local out = client(("ab -q -n 500 -c %d %s http://127.0.0.1:%d/"):format(at_once, keep, s.port))
    assert.equal("500", out:match("Complete requests:%s+(%d+)"))
    assert.equal("0", out:match("Failed requests:%s+(%d+)"))
    if stays then assert.equal("500", out:match("Keep%-Alive requests:%s+(%d+)")) end
    assert_fds(before)
    stop()
  end)
end

for _, mode in ipairs { "close", "keep-alive" } do
  describe("http_blocking, mode " .. mode, function()
    it_speaks_http("http_blocking", mode, mode == "keep-alive")
  end)
end

for _, mode in ipairs { "level", "edge", "cork", "nodelay" } do
  describe("http_epoll, mode " .. mode, function()
    it_speaks_http("http_epoll", mode, true)

    it("serves wrk's many connections, and requests in a row", function()
      local s = start("http_epoll", "127.0.0.1:0", mode)
      local out = client(("wrk -t1 -c20 -d1s --timeout %ds http://127.0.0.1:%d/"):format(
        server.patience, s.port))
      assert.is_true(tonumber(out:match("(%d+) requests in")) > 100, out)
      assert.is_nil(out:match("Non%-2xx[^\n]*") or out:match("Socket errors[^\n]*"))
      local conn = connect(s.address)
      conn:send(GET:rep(100))
      for _ = 1, 100 do assert.same({ "200", "keep-alive" }, { answer(conn) }) end
      conn:close()
      stop()
    end)

    it("waits for one that sends and does not read, and serves others", function()
      local s = start("http_epoll", "127.0.0.1:0", mode)
      local greedy, polite = connect(s.address), connect(s.address)
      local sender = tl.spawn(function()
        for _ = 1, 300 do assert(greedy:send(GET:rep(1000))) end
      end)
      for _ = 1, 20 do
        polite:send(GET)
        assert.equal("200", (answer(polite)))
        tl.sleep(0.01)
      end
      server.await("rest of the server", function()
        local before = s:cpu()
        tl.sleep(0.2)
        return s:cpu() - before < 0.15
      end)
      assert.equal("waiting", sender.status)
      for _ = 1, 20000 do assert.equal("200", (answer(greedy))) end
      sender:cancel()
      greedy:abort()
      polite:send(GET)
      assert.equal("200", (answer(polite)))
      polite:close()
      stop()
    end)
  end)
end

describe("http_epoll", function()
  it("refuses an unknown mode", function()
    local r = support.run { FOLDER .. "http_epoll.lua", "127.0.0.1:0", "slow" }
    assert.equal(1, r.code)
    assert.truthy(r.err:find("the mode must be level, edge, cork or nodelay", 1, true))
  end)
end)
