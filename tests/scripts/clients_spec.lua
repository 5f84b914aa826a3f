-- Other projects' programs as clients of the example servers, and timerlua as the
-- client of a Redis server, by a driver written for LuaSocket.
local support = require "tests.support"
local server = require "tests.support.server"
local tl = require "timerlua"

local running

local function start(...)
  running = server.start(...)
  return running
end

local function stop()
  local result = running:stop()
  running = nil
  assert.equal("", result.err)
  assert.equal(143, result.code)
  return result.out
end

after_each(function()
  if running then running:stop("KILL") end
  running = nil
  support.collect()
end)

local function shell(command, ...)
  local result = support.shell(command:format(...), { timeout = 60 })
  assert.equal(0, result.code, result.err)
  return result.out
end

for _, mode in ipairs { "level", "edge", "cork", "nodelay" } do
  describe("the HTTP server, " .. mode, function()
    local s

    before_each(function() s = start("scripts/http_hello.lua", "127.0.0.1:0", mode) end)

    it("answers curl", function()
      local out = shell("curl -s -i http://%s/ http://%s/", s.address, s.address)
      assert.equal(2, select(2, out:gsub("Content%-Length: 13\r\nConnection: keep%-alive"
        .. "\r\n\r\nHello, world!", "")))
      stop()
    end)

    it("satisfies wrk", function()
      local out = shell("wrk -t 1 -c 50 -d 1 --timeout 20 http://%s/", s.address)
      local requests = tonumber(out:match("(%d+) requests in"))
      assert.is_true(requests > 100, out)
      assert.is_nil(out:find("Socket errors", 1, true), out)
      assert.is_nil(out:find("Non-2xx", 1, true), out)
      stop()
    end)

    it("satisfies ab, with and without connections kept", function()
      for _, keep in ipairs { "", "-k" } do
        local out = shell("ab -q -n 1000 -c 100 %s http://%s/", keep, s.address)
        assert.equal("1000", out:match("Complete requests: +(%d+)"))
        assert.equal("0", out:match("Failed requests: +(%d+)"), out)
        assert.equal("13000 bytes", out:match("HTML transferred: +(%d+ bytes)"))
        assert.equal(keep == "-k" and "1000" or nil,
          out:match("Keep%-Alive requests: +(%d+)"))
        assert.is_nil(out:find("Non-2xx", 1, true), out)
      end
      stop()
    end)
  end)
end

describe("the HTTP server's modes", function()
  -- The server's calls to the kernel while it answers one request.
  local function calls(mode)
    local log = os.tmpname()
    running = server.command(("strace -f -e trace=setsockopt,epoll_ctl,sendto,sendmsg,"
      .. "write,writev -o %s %s scripts/http_hello.lua 127.0.0.1:0 %s"):format(log,
      support.program, mode))
    local address = running:await("listening on ([^\n]+)\n")
    assert.equal("Hello, world!", shell("curl -s http://%s/", address))
    support.shell("pkill -TERM -P " .. running.pid) -- of the tracer, the server
    running:ended()
    running = nil
    local text = support.read(log)
    os.remove(log)
    return text
  end

  it("make the calls that their names suggest", function()
    local level, edge = calls("level"), calls("edge")
    local sockets_edge = "EPOLLRDHUP|EPOLLET" -- timers and wakeups are edge, too
    assert.is_nil(level:find(sockets_edge, 1, true))
    assert.is_truthy(edge:find(sockets_edge, 1, true))
    assert.is_nil(level:find("TCP_NODELAY, [1]", 1, true))
    assert.is_truthy(calls("nodelay"):find("TCP_NODELAY, [1]", 1, true))
    local cork = calls("cork")
    local on = cork:find("TCP_CORK, [1]", 1, true)
    local sent = cork:find("HTTP/1.1 200", on, true)
    assert.is_truthy(cork:find("TCP_CORK, [0]", sent, true))
  end)

  it("are these four", function()
    local r = support.run { "scripts/http_hello.lua", "127.0.0.1:0", "fast" }
    assert.equal(1, r.code)
    assert.is_truthy(r.err:find("the mode must be level, edge, cork or nodelay", 1, true))
  end)
end)

describe("the echo server", function()
  it("gives netcat all back although it ended its half first", function()
    local s = start("scripts/echo_server.lua", "127.0.0.1:0")
    assert.equal("x", shell("printf x | nc -N 127.0.0.1 %d", s.port))
    local path = support.temporary(("line of text\n"):rep(100000))
    local sum = shell("cksum <%s", path)
    assert.equal(sum, shell("nc -N 127.0.0.1 %d <%s | cksum", s.port, path))
    assert.equal(sum, shell("socat -t 20 - TCP:127.0.0.1:%d <%s | cksum", s.port, path))
    os.remove(path)
    stop()
  end)

  it("serves socat over IPv6 and a Unix socket", function()
    local s = start("scripts/echo_server.lua", "[::1]:0")
    assert.equal("hello\n", shell("echo hello | socat -t 20 - 'TCP6:[::1]:%d'", s.port))
    stop()
    local path = os.tmpname()
    os.remove(path)
    start("scripts/echo_server.lua", "unix:" .. path)
    assert.equal("hello\n", shell("echo hello | socat -t 20 - UNIX-CONNECT:%s", path))
    stop()
    os.remove(path)
  end)
end)

describe("a Redis client written for LuaSocket", function()
  local redis, folder, path

  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    shell("mkdir %s", folder)
    path = folder .. "/redis.socket"
    redis = server.command(("redis-server --port 0 --unixsocket %s --dir %s --save '' "
      .. "--appendonly no"):format(path, folder))
    redis:await("eady to accept connections")
  end)

  teardown(function()
    redis:stop()
    os.execute("rm -r " .. folder)
  end)

  -- The same code in all of them; the path is their argument.
  local SESSION = [[
    local tl = require "timerlua"
    local redis = require "tests.support.redis_client"
    local path = arg[1]

    local function connect() return redis.new(assert(tl.connect("unix:" .. path))) end

    local function session()
      local db = connect()
      print(db:call("PING"))
      print(db:call("SET", "name", "a\r\nb"))
      print((db:call("GET", "name"):gsub("%c", ".")))
      print(db:call("GET", "nothing"))
      print(db:call("INCR", "name"))

      for i = 1, 1000 do assert(db:send("RPUSH", "list", i)) end
      local sum = 0
      for _ = 1, 1000 do sum = sum + db:reply() end
      print(sum, #db:call("LRANGE", "list", 0, -1))

      local value = ("0123456789"):rep(500000)
      print(db:call("SET", "large", value), db:call("GET", "large") == value)

      local subscriber = connect()
      print(unpack(subscriber:call("SUBSCRIBE", "news")))
      print(subscriber:reply(0.05))
      print(db:call("PUBLISH", "news", "none"))
      print(unpack(subscriber:reply(5)))
      print(subscriber:reply(0.05))

      subscriber:send("QUIT")
      print(subscriber:reply(), subscriber:reply())
      print(subscriber:call("PING"))
      subscriber:close()
      print(db:call("FLUSHALL"))
      db:close()
    end
    ]]

  local EXPECTED = table.concat({ "PONG", "OK", "a..b", "false",
    "nil\tERR value is not an integer or out of range", "500500\t1000", "OK\ttrue",
    "subscribe\tnews\t1", "nil\ttimeout", "1", "message\tnews\tnone", "nil\ttimeout",
    "OK\tnil\tclosed", "nil\tclosed", "OK", "" }, "\n")

  local function assert_session(command, rest)
    local script = support.temporary(SESSION .. rest)
    local r = support.shell(("%s %s %s"):format(command, script, path), { timeout = 60 })
    os.remove(script)
    assert.equal("", r.err)
    assert.equal(EXPECTED, r.out)
    assert.equal(0, r.code)
  end

  it("works in a task, and other tasks go on meanwhile", function()
    assert_session(support.program, [[
      local beats = 0
      tl.every("1ms", function() beats = beats + 1 end):unref()
      tl.spawn(session):join()
      assert(beats > 50, beats)]])
  end)

  it("works in the main chunk and in a callback", function()
    assert_session(support.program, "session()")
    assert_session(support.program, "tl.after(0, session)")
  end)

  it("works unchanged in a plain luajit", function()
    local preload = os.getenv("SANITIZER_PRELOAD") or ""
    assert_session(("LD_PRELOAD=%s luajit"):format(support.quote(preload)), "session()")
  end)

  it("works beside itself, a hundred times", function()
    local client = require "tests.support.redis_client"
    local done = 0
    tl.scope(function(scope)
      for i = 1, 100 do
        scope:spawn(function()
          local db = client.new(assert(tl.connect("unix:" .. path)))
          for k = 1, 20 do
            assert.equal("OK", db:call("SET", "key" .. i, k))
            assert.equal(tostring(k), db:call("GET", "key" .. i))
          end
          db:close()
          done = done + 1
        end)
      end
    end)
    assert.equal(100, done)
  end)
end)
