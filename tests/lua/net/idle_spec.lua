-- Idle connections of listeners. The time is virtual, so a slow machine makes none idle.
local support = require "tests.support"

-- What a script prints in virtual time.
local function run(code)
  local r = support.run({ "--virtual-time", "-e", 'local tl = require "timerlua"\n' .. code },
    { timeout = 60 })
  assert.same({ "", 0 }, { r.err, r.code })
  return r.out
end

-- Whether a connection with `idle_timeout = 8` ended in time.
local function within_limit(time)
  time = tonumber(time)
  return time >= 8 and time <= 10.001
end

for _, edge in ipairs { "false", "true" } do
  describe("idle_timeout" .. (edge == "true" and " (edge)" or ""), function()
    it("ends a connection on which no byte moves: the task obtains what had arrived", function()
      local out = run([[
        local server = assert(tl.listen("127.0.0.1:0", function(conn)
          print(conn:receive())
          print(conn:receive())
          print(conn:closed(), conn:fileno(), conn:peer() ~= nil, (conn:queued()))
          print(conn:send("x"))
          print(conn:flush())
          print(conn:shutdown())
          print(conn:receive_some())
        end, { idle_timeout = "8s", edge = ]] .. edge .. [[ }))
        local conn = assert(tl.connect(server:sock()))
        conn:send("line\npart")
        tl.sleep(3)
        conn:send("s")
        local from = tl.now()
        print(conn:receive())
        io.write(tl.now() - from, "\n")
        tl.sleep(1)
        print(server.connections, server:stats().idle)
        server:close()]])
      local before, time, after = out:match("^(.*EOF\n)(%S+)\n(.*)$")
      assert.equal([[
line
nil	closed	parts	ETIME
true	nil	true	0
nil	closed	0	ETIME
nil	closed	ETIME
nil	closed	ETIME
nil	closed		ETIME
nil	closed		EOF
]], before)
      assert.is_true(within_limit(time), time)
      assert.equal("0\t1\n", after)
    end)

    it("does so whatever the script is doing meanwhile", function()
      local out = run([[
        local server = assert(tl.listen("127.0.0.1:0", function(conn)
          tl.sleep(1000)
          print(tl.now(), conn:receive())
        end, { idle_timeout = 8, edge = ]] .. edge .. [[ }))
        local conn = assert(tl.connect(server:sock()))
        print(conn:receive())
        print(tl.now() <= 10.001, server.connections, server:stats().idle)
        server:close()]])
      assert.equal("nil\tclosed\t\tEOF\ntrue\t0\t1\n1000\tnil\tclosed\t\tETIME\n", out)
    end)

    it("gives a busy task what arrived meanwhile, and the peer an end in good order", function()
      local out = run([[
        local server = assert(tl.listen("127.0.0.1:0", function(conn)
          conn:send("busy\n")
          tl.sleep(1000)
          print(tl.now(), conn:receive("*a"))
        end, { idle_timeout = 8, edge = ]] .. edge .. [[ }))
        local conn = assert(tl.connect(server:sock()))
        tl.sleep(1)
        conn:send("twenty bytes of data")
        print(conn:receive("*a"))
        print(tl.now() < 20, server.connections, server:stats().idle)
        server:close()]])
      assert.equal("busy\n\ntrue\t0\t1\n1000\tnil\tclosed\ttwenty bytes of data\tETIME\n", out)
    end)

    it("tells callbacks, once none of them waits", function()
      for _, waits in ipairs { "0", "50" } do
        local out = run([[
          local server
          server = assert(tl.listen("127.0.0.1:0", {
            open = function() tl.sleep(]] .. waits .. [[) end,
            data = function(_, bytes) print("data", bytes) end,
            error = function(_, message, code) print("error", message, code) end,
            close = function(conn, message, code)
              print("close", message, code, conn:closed(), server.connections)
            end,
          }, { idle_timeout = 8, edge = ]] .. edge .. [[ }))
          local conn = assert(tl.connect(server:sock()))
          assert(select(4, conn:receive()) == "EOF")
          assert(tl.now() <= 10.001)
          tl.sleep(100)
          print(server.connections, server:stats().idle)
          server:close()]])
        assert.equal("error\tclosed\tETIME\nclose\tclosed\tETIME\ttrue\t0\n0\t1\n", out)
      end
    end)

    it("spares connections that only send, only receive, or do either slowly", function()
      local out = run([[
        local function serve(conn)
          local what = conn:receive()
          local from = tl.now()
          if what == "send" then
            for _ = 1, 20 do tl.sleep(7) conn:send("x") end
          else
            conn:receive(20)
          end
          print(what, tl.now() - from)
        end
        local server = assert(tl.listen("127.0.0.1:0", serve,
          { idle_timeout = 8, edge = ]] .. edge .. [[ }))
        tl.scope(function(scope)
          scope:spawn(function()
            local conn = assert(tl.connect(server:sock()))
            conn:send("send\n")
            print(#conn:receive("*a"))
          end)
          scope:spawn(function()
            local conn = assert(tl.connect(server:sock()))
            conn:send("receive\n")
            for _ = 1, 20 do tl.sleep(7) conn:send("x") end
            conn:receive("*a")
          end)
        end)
        print(server:stats().idle)
        server:close()]])
      local lines = {}
      for line in out:gmatch("[^\n]+") do lines[#lines + 1] = line end
      table.sort(lines)
      assert.same({ "0", "20", "receive\t140", "send\t140" }, lines)
    end)

    it("resets a peer that does not read what is queued for it", function()
      local out = run([[
        local server = assert(tl.listen("127.0.0.1:0", function(conn)
          print(conn:send(("x"):rep(2 ^ 24)))
          print(select(4, conn:send("y")))
        end, { idle_timeout = 8, edge = ]] .. edge .. [[ }))
        local conn = assert(tl.connect(server:sock()))
        tl.sleep(20)
        print(select(4, conn:receive("*a")), server:stats().idle, tl.stats().unsent > 0)
        server:close()]])
      assert.equal("nil\tclosed\t16777216\tETIME\nETIME\nECONNRESET\t1\ttrue\n", out)
    end)
  end)
end

describe("idle_timeout", function()
  it("is each listener's own, and goes on when the listener is closed", function()
    local out = run [[
      local function serve(conn) print(select(4, conn:receive()), math.floor(tl.now() / 10)) end
      local servers, conns = {}, {}
      for i, limit in ipairs { 8, 80, false } do
        servers[i] = assert(tl.listen("127.0.0.1:0", serve, { idle_timeout = limit or nil }))
        conns[i] = assert(tl.connect(servers[i]:sock()))
      end
      tl.sleep(0)
      for i, server in ipairs(servers) do server:close() end
      tl.sleep(1000)
      conns[3]:close()]]
    assert.equal("ETIME\t0\nETIME\t8\nEOF\t100\n", out)
  end)

  it("keeps one timer for all connections, and none without any", function()
    local out = run [[
      local function timers()
        local count = 0
        for _, row in ipairs(tl.handles()) do
          if row.name == "idle connections" then count = count + 1 end
        end
        return count
      end
      local server = assert(tl.listen("127.0.0.1:0", function(conn) conn:receive() end,
        { idle_timeout = 8 }))
      print(timers())
      local conns = {}
      for i = 1, 100 do conns[i] = assert(tl.connect(server:sock())) end
      tl.sleep(0)
      print(timers())
      for i = 1, 100 do conns[i]:close() end
      tl.sleep(20)
      print(timers(), server:stats().idle)
      server:close()]]
    assert.equal("0\n1\n0\t0\n", out)
  end)

  it("finds all connections, also among many handles of other kinds", function()
    local out = run [[
      local ended, conns = 0, {}
      local server = assert(tl.listen("127.0.0.1:0", function(conn)
        if select(4, conn:receive()) == "ETIME" then ended = ended + 1 end
      end, { idle_timeout = 8 }))
      for i = 1, 150 do
        for _ = 1, 200 do tl.after(1000, print):unref() end
        conns[i] = assert(tl.connect(server:sock()))
        tl.sleep(0)
      end
      tl.sleep(10.001)
      print(ended, server:stats().idle, server.connections)
      server:close()]]
    assert.equal("150\t150\t0\n", out)
  end)

  it("makes room for the connections that wait", function()
    local out = run [[
      local server = assert(tl.listen("127.0.0.1:0", function(conn)
        conn:send(conn:receive() or "")
      end, { idle_timeout = 8, max_connections = 2 }))
      local silent = {}
      for i = 1, 2 do silent[i] = assert(tl.connect(server:sock())) end
      local conn = assert(tl.connect(server:sock()))
      conn:send("hello\n")
      local answer, stats = conn:receive("*a"), server:stats()
      print(answer, tl.now() <= 10.001, stats.idle > 0, stats.full > 0)
      for i = 1, 2 do silent[i]:close() end -- until here, they are no garbage
      server:close()]]
    assert.equal("hello\ttrue\ttrue\ttrue\n", out)
  end)

  it("lets go of connections that the script has dropped or keeps", function()
    local out = run [[
      local kept = {}
      local server = assert(tl.listen("127.0.0.1:0", function(conn)
        if #kept == 0 then kept[1] = conn end
      end, { idle_timeout = 8, autoclose = false }))
      local a, b = assert(tl.connect(server:sock())), assert(tl.connect(server:sock()))
      a:receive()
      b:receive()
      tl.sleep(1)
      collectgarbage() collectgarbage()
      tl.sleep(20)
      local function streams()
        local count = 0
        for _, row in ipairs(tl.handles()) do
          if row.kind == "connection" then count = count + 1 end
        end
        return count
      end
      print(server.connections, streams())
      kept[1]:close() a:close() b:close()
      tl.sleep(20)
      print(server.connections, streams(), tl.stats().handles - #tl.handles() < 3)
      server:close()]]
    assert.equal("0\t3\n0\t0\ttrue\n", out)
  end)

  it("that is no duration, or 0, is refused at the caller's line", function()
    local listen = require("timerlua").listen
    for value, got in pairs { [0] = "must be more than 0, got 0", ["0s"] = "must be more than 0, "
      .. 'got "0s"', soon = "must be" } do
      local ok, message = pcall(loadstring("local listen, value = ...\n"
        .. 'listen("127.0.0.1:0", print, { idle_timeout = value })', "=x"), listen, value)
      assert.is_false(ok)
      assert.equal("x:2: timerlua.listen: option idle_timeout " .. got,
        message:sub(1, #"x:2: timerlua.listen: option idle_timeout " + #got))
    end
  end)
end)
