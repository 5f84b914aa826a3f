-- Listeners: addresses, options, handlers, and failures of accept.
local ffi = require "ffi"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

ffi.cdef [[
  int dup(int fd);
  int close(int fd);
]]

local run, till, turns, collecting = sockets.run, sockets.till, sockets.turns, sockets.collecting

local function nothing() end

local function fresh_path()
  local path = os.tmpname()
  os.remove(path)
  return path
end

local function exists(path)
  return os.rename(path, path) ~= nil
end

-- Ask the server that listens there, and return its answer.
local function ask(address)
  local conn = assert(tl.connect(address))
  conn:send("hello\n")
  local answer = conn:receive("*a")
  conn:close()
  return answer
end

local function greet(conn)
  conn:send(conn:receive() .. " to you")
end

-- The uncaught errors while `fn` runs: message, kind and name.
local function collecting_errors(fn)
  local seen = {}
  local subscription = tl.on("error", function(err, _, source)
    seen[#seen + 1] = { tostring(err), source and source.kind, source and source.name }
  end)
  local ok, message = pcall(fn, seen)
  subscription:cancel()
  if not ok then error(message, 0) end
  return seen
end

describe("tl.listen", function()
  it("on a port of all interfaces is reached over IPv4 and IPv6", function()
    run(function()
      local listener = assert(tl.listen(":0", greet))
      assert.equal("hello to you", ask("127.0.0.1:" .. listener.port))
      assert.equal("hello to you", ask("[::1]:" .. listener.port))
      assert.equal("hello to you", ask("localhost:" .. listener.port))
      assert.equal("hello to you", ask(":" .. listener.port))
      assert.equal("[::]:" .. listener.port, listener:sock())
      listener:close()
    end)
  end)

  it("with v6only is not reached over IPv4", function()
    run(function()
      local listener = assert(tl.listen(":0", greet, { v6only = true }))
      assert.equal("hello to you", ask("[::1]:" .. listener.port))
      local conn, _, code = tl.connect("127.0.0.1:" .. listener.port)
      assert.same({ nil, "ECONNREFUSED" }, { conn, code })
      listener:close()
    end)
  end)

  it("on numeric addresses, names and abstract Unix names", function()
    run(function()
      for _, address in ipairs { "127.0.0.1:0", "[::1]:0", "localhost:0",
        "unix:@timerlua-listener-spec" } do
        local listener = assert(tl.listen(address, greet))
        assert.equal("hello to you", ask(listener:sock()))
        assert.equal("listener", listener.kind)
        assert.equal("number", type(listener:fileno()))
        assert.equal(listener.port, tonumber(listener:sock():match(":(%d+)$")))
        assert.equal("timerlua.Listener: " .. listener:sock(), tostring(listener))
        listener:close()
        assert.is_nil(listener:fileno())
      end
    end)
  end)

  it("on a Unix path has a file, which close removes", function()
    run(function()
      local path = fresh_path()
      local listener = assert(tl.listen("unix:" .. path, greet))
      assert.equal("unix:" .. path, listener:sock())
      assert.is_nil(listener.port)
      assert.is_true(exists(path))
      assert.equal("hello to you", ask("unix:" .. path))
      assert.same({ true, true }, { listener:close(), listener:close() })
      assert.is_false(exists(path))
    end)
  end)

  it("leaves the file of another listener that took the path over", function()
    run(function()
      local path = fresh_path()
      local first = assert(tl.listen("unix:" .. path, greet))
      os.remove(path)
      local second = assert(tl.listen("unix:" .. path, greet))
      first:close()
      assert.is_true(exists(path))
      assert.equal("hello to you", ask("unix:" .. path))
      second:close()
      assert.is_false(exists(path))
    end)
  end)

  it("fails where a file exists, whether or not a process listens", function()
    run(function()
      local path = support.temporary("")
      local listener, message, code = tl.listen("unix:" .. path, nothing)
      assert.same({ nil, ("listen unix:%s: address already in use"):format(path),
        "EADDRINUSE" }, { listener, message, code })
      assert.is_true(exists(path))
      os.remove(path)
    end)
  end)

  it("names operation, address and cause when it fails", function()
    run(function()
      local first = assert(tl.listen("127.0.0.1:0", nothing))
      local listener, message, code = tl.listen(first:sock(), nothing)
      assert.same({ nil, ("listen %s: address already in use"):format(first:sock()),
        "EADDRINUSE" }, { listener, message, code })
      first:close()
      listener, message, code = tl.listen("192.0.2.1:1", nothing)
      assert.same({ nil, "listen 192.0.2.1:1: cannot assign requested address",
        "EADDRNOTAVAIL" }, { listener, message, code })
      listener, message, code = tl.listen("unix:/nowhere/at/all", nothing)
      assert.same({ nil, "listen unix:/nowhere/at/all: no such file or directory",
        "ENOENT" }, { listener, message, code })
      listener, message, code = tl.listen("fd:99", nothing)
      assert.same({ nil, "listen fd:99: bad file descriptor", "EBADF" },
        { listener, message, code })
      listener, message, code = tl.listen("fd:0", nothing)
      assert.same({ nil, "ENOTSOCK" }, { listener, code })
      assert.truthy(message)
    end)
  end)

  it("shares a port with reuseport, and takes one again at once after close", function()
    run(function()
      local first = assert(tl.listen("127.0.0.1:0", greet, { reuseport = true }))
      local second = assert(tl.listen(first:sock(), greet, { reuseport = true }))
      assert.equal("hello to you", ask(first:sock()))
      first:close()
      assert.equal("hello to you", ask(second:sock()))
      second:close()
      local third = assert(tl.listen(first:sock(), greet))
      assert.equal("hello to you", ask(third:sock()))
      third:close()
    end)
  end)

  it("takes an inherited socket by number or name, and checks who owns it", function()
    local code = [[
      local tl = require "timerlua"
      local ffi = require "ffi"
      ffi.cdef "int dup2(int, int); int setenv(const char *, const char *, int); int getpid(void);"
      local first = assert(tl.listen("127.0.0.1:0", print))
      local address = first:sock()
      local fd = tonumber(arg[1])
      assert(ffi.C.dup2(first:fileno(), fd) == fd)
      first:close()
      local function try(addr)
        local l, message = tl.listen(addr, function(c) c:send("inherited") end)
        if not l then return print(message) end
        print(l:sock() == address, tl.connect(address):receive("*a"))
      end
      ffi.C.setenv("LISTEN_PID", "1", 1)
      try("fd:" .. fd)
      ffi.C.setenv("LISTEN_PID", tostring(ffi.C.getpid()), 1)
      ffi.C.setenv("LISTEN_FDS", tostring(fd - 2), 1)
      ffi.C.setenv("LISTEN_FDNAMES", ("x:"):rep(fd - 3) .. "web", 1)
      try("fd:none")
      try(arg[2])
      os.exit(0)]]
    for _, address in ipairs { "fd:20", "fd:web" } do
      local path = support.temporary(code)
      local r = support.run({ path, "20", address }, { timeout = 10 })
      os.remove(path)
      assert.equal("", r.err)
      assert.equal("listen fd:20: the descriptors are meant for process 1, see LISTEN_PID\n"
        .. "listen fd:none: no descriptor of that name in LISTEN_FDNAMES\n"
        .. "true\tinherited\n", r.out)
      assert.equal(0, r.code)
    end
  end)

  it("refuses wrong arguments at the caller's line", function()
    local function raised(...)
      local ok, message = pcall(loadstring("require('timerlua').listen(...)", "=x"), ...)
      assert.is_false(ok)
      return (message:gsub("one of .-,? got", "one of ..., got"))
    end
    assert.equal("x:1: timerlua.listen: handler must be a function or a table of callbacks, "
      .. "got nil", raised(":0"))
    assert.equal("x:1: timerlua.listen: opts must be a table, got 1", raised(":0", nothing, 1))
    assert.equal('x:1: timerlua.listen: an option must be one of ..., got "colour"',
      raised(":0", nothing, { colour = "red" }))
    assert.equal('x:1: timerlua.listen: a callback must be one of ..., got "opened"',
      raised(":0", { opened = nothing }))
    assert.equal("x:1: timerlua.listen: callback open must be a function, got 1",
      raised(":0", { open = 1 }))
    assert.equal("x:1: timerlua.listen: option nodelay must be true or false, got 1",
      raised(":0", nothing, { nodelay = 1 }))
    assert.equal("x:1: timerlua.listen: option backlog must be a whole number >= 0, got -1",
      raised(":0", nothing, { backlog = -1 }))
    assert.equal("x:1: timerlua.listen: option max_connections must be a whole number >= 1, "
      .. "got 0", raised(":0", nothing, { max_connections = 0 }))
    assert.equal("x:1: timerlua.listen: option low must be at most high, got 2",
      raised(":0", nothing, { high = 1, low = 2 }))
    assert.equal("x:1: timerlua.listen: option error must be a function, got 1",
      raised(":0", nothing, { error = 1 }))
  end)
end)

describe("a listener", function()
  it("with max_connections lets others wait until a connection ends, in any way", function()
    run(function()
      local conns = {}
      local listener = assert(tl.listen("127.0.0.1:0", function(c)
        conns[#conns + 1] = c
        c:send("x")
      end, { max_connections = 2, autoclose = false }))
      local clients = {}
      for i = 1, 5 do clients[i] = assert(tl.connect(listener:sock())) end
      till(function() return #conns == 2 end)
      turns(5)
      assert.equal(2, #conns)
      assert.equal(2, listener.connections)
      conns[1]:close()
      till(function() return #conns == 3 end)
      conns[2]:abort()
      till(function() return #conns == 4 end)
      turns(5)
      assert.equal(4, #conns)
      conns[3], conns[4] = true, true -- garbage
      till(function() support.collect() return #conns == 5 end)
      for _, client in ipairs(clients) do client:close() end
      conns[5]:close()
      assert.is_true(listener.connections <= 1)
      listener:close()
    end)
  end)

  -- In a process that may have 40 descriptors: 22 clients of a server with these options,
  -- of which 20 are accepted; then one leaves, and then all.
  local function fill(options)
    return support.run({ "-e", [[
      local tl = require "timerlua"
      local accepted, clients = 0, {}
      local server = assert(tl.listen("127.0.0.1:0", function(conn)
        accepted = accepted + 1
        conn:receive()
      end, ]] .. options .. [[))
      local address = server:sock()
      local child = assert(tl.exec({ "]] .. support.program .. [[", "-e", ([=[
        local tl = require "timerlua"
        local clients = {}
        for i = 1, 22 do clients[i] = assert(tl.connect("%s")) end
        tl.stdin:receive()
        clients[1]:close()
        tl.stdin:receive()
        for i = 2, 22 do clients[i]:close() end]=]):format(address) }, { stdin = "pipe" }))
      local function till(count)
        while accepted < count do tl.sleep(0.001) end
        for _ = 1, 20 do tl.sleep(0) end
        local stats = server:stats()
        io.write(accepted, " ", stats.accepted, " ", stats.open, " ", stats.full, "\n")
      end
      till(20)
      child.stdin:send("\n")
      till(21)
      child.stdin:send("\n")
      till(22)
      child:wait()
      server:close()]] }, { before = "ulimit -n 40; ", timeout = 60 })
  end

  it("accepts as many connections as half of the descriptors, and says so once", function()
    local r = fill "{}"
    assert.equal("20 20 20 1\n21 21 20 2\n", r.out:sub(1, 22))
    assert.equal(1, select(2, r.err:gsub("ELIMIT", "")) + select(2, r.err:gsub("accept 127", "")))
    assert.truthy(r.err:find("accept 127%.0%.0%.1:%d+: 20 connections are open, others wait: "
      .. "see max_connections"), r.err)
    assert.equal(1, r.code)
    r = fill '{ error = function(_, message, code) print(code, (message:gsub(":%d+:", ":"))) end }'
    assert.truthy(r.out:find("ELIMIT\taccept 127.0.0.1: 20 connections are open, others wait: "
      .. "see max_connections", 1, true), r.out)
    assert.same({ "", 0 }, { r.err, r.code })
  end)

  it("is silent about a limit that the script has set, and counts", function()
    local r = fill "{ max_connections = 20 }"
    assert.equal("20 20 20 1\n21 21 20 2\n", r.out:sub(1, 22))
    assert.same({ "", 0 }, { r.err, r.code })
  end)

  it("counts the lines that are too long for 64 KiB", function()
    run(function()
      local listener = assert(tl.listen("127.0.0.1:0", function(conn)
        conn:send(#conn:receive() .. "\n")
        conn:send(select(4, conn:receive()))
      end))
      local conn = assert(tl.connect(listener:sock()))
      conn:send(("x"):rep(2 ^ 16 - 1) .. "\n" .. ("x"):rep(2 ^ 16) .. "\n")
      assert.equal("65535", conn:receive())
      assert.equal("EMSGSIZE", conn:receive("*a"))
      assert.same({ accepted = 1, open = 0, full = 0, idle = 0, too_long = 1, failed = 0 },
        listener:stats())
      conn:close()
      listener:close()
    end)
  end)

  it("lets options other than receive_limit keep its 64 KiB, and clients their 16 MiB", function()
    run(function()
      local listener = assert(tl.listen("127.0.0.1:0", function(conn)
        conn:send(select(4, conn:receive()) .. "\n" .. ("y"):rep(2 ^ 20) .. "\n")
      end, { linger_limit = 2 ^ 24 }))
      local conn = assert(tl.connect(listener:sock()))
      conn:send(("x"):rep(2 ^ 17) .. "\n")
      assert.equal("EMSGSIZE", conn:receive())
      assert.equal(2 ^ 20, #conn:receive())
      conn:close()
      listener:close()
    end)
  end)

  it("accepts nothing while it is paused, and all of them afterwards", function()
    run(function()
      local accepted = 0
      local listener = assert(tl.listen("127.0.0.1:0", function() accepted = accepted + 1 end))
      assert.equal(listener, listener:pause())
      local clients = {}
      for i = 1, 20 do clients[i] = assert(tl.connect(listener:sock())) end
      local before = sockets.stats()
      local waits, accepts = before.waits, before.accepts
      tl.sleep(0.02)
      assert.equal(0, accepted)
      assert.equal(accepts, sockets.stats().accepts)
      assert.is_true(sockets.stats().waits - waits <= 3)
      listener:resume()
      till(function() return accepted == 20 end)
      for _, client in ipairs(clients) do client:close() end
      listener:close()
    end)
  end)

  it("leaves its connections alone when it is closed", function()
    run(function()
      local a, b = sockets.pair() -- closes the listener
      a:send("hello")
      assert.equal("hello", b:receive(5))
      a:close()
      b:close()
    end)
  end)

  it("may be closed by its own handler, in the middle of many connections", function()
    run(function()
      local listener
      local accepted = 0
      listener = assert(tl.listen("127.0.0.1:0", function()
        accepted = accepted + 1
        if accepted == 3 then listener:close() end
      end))
      listener:pause()
      local clients = {}
      for i = 1, 10 do clients[i] = assert(tl.connect(listener:sock())) end
      listener:resume()
      turns(20)
      assert.equal(3, accepted)
      for _, client in ipairs(clients) do client:close() end
    end)
  end)

  it("takes 500 connections that come at once", function()
    run(function()
      local listener = assert(tl.listen("127.0.0.1:0", greet))
      local tasks, answers = {}, 0
      for i = 1, 500 do
        tasks[i] = tl.spawn(function()
          if ask(listener:sock()) == "hello to you" then answers = answers + 1 end
        end)
      end
      for _, each in ipairs(tasks) do each:join() end
      assert.equal(500, answers)
      listener:close()
    end)
  end)

  it("keeps the loop running, unless it is not referenced", function()
    local r = support.run([[local tl = require "timerlua"
      local l = tl.listen("127.0.0.1:0", print)
      tl.after(0.01, function() io.write("still ") l:close() end):unref()
      tl.on("stop", function() io.write("end") end)]], { timeout = 10 })
    assert.equal("still end", r.out)
    r = support.run([[local tl = require "timerlua"
      tl.listen("127.0.0.1:0", print):unref()]], { timeout = 10 })
    assert.same({ 0, "", "" }, { r.code, r.out, r.err })
  end)
end)

for _, edge in ipairs { false, true } do
  local mode = edge and " (edge)" or ""

  describe("a function as handler" .. mode, function()
    local function listen(handler, opts)
      opts = opts or {}
      opts.edge = edge
      return assert(tl.listen("127.0.0.1:0", collecting(handler), opts))
    end

    it("is a task for each connection, which is closed when it returns", function()
      run(function()
        local running, most = 0, 0
        local listener = listen(function(conn)
          running = running + 1
          most = math.max(most, running)
          for line in conn:lines() do conn:send(line .. "!\n") end
          running = running - 1
          conn:send(("z"):rep(2 ^ 20)) -- sent before it is closed
        end)
        local clients = {}
        for i = 1, 3 do
          clients[i] = assert(tl.connect(listener:sock(), { edge = edge }))
          clients[i]:send(i .. "\n")
          assert.equal(i .. "!", clients[i]:receive())
        end
        assert.equal(3, most)
        for _, client in ipairs(clients) do
          client:shutdown("send")
          assert.is_true(client:receive("*a") == ("z"):rep(2 ^ 20))
          client:close()
        end
        till(function() return listener.connections == 0 end)
        listener:close()
      end)
    end)

    it("that fails has its connection closed and its error reported with the name", function()
      run(function()
        local seen = collecting_errors(function()
          local listener = listen(function(conn)
            conn.name = "guest"
            conn:send("before")
            conn:receive(1)
            error("oops", 0)
          end)
          local client = assert(tl.connect(listener:sock()))
          client:send("x")
          assert.equal("before", client:receive("*a"))
          client:close()
          listener:close()
        end)
        assert.same({ { "oops", "connection", "guest" } }, seen)
      end)
    end)

    it("leaves the connection open with autoclose = false", function()
      run(function()
        local kept
        local listener = listen(function(conn) kept = conn end, { autoclose = false })
        local client = assert(tl.connect(listener:sock()))
        till(function() return kept end)
        turns()
        assert.is_false(kept:closed())
        kept:close()
        client:close()
        listener:close()
      end)
    end)
  end)

  describe("a table of callbacks as handler" .. mode, function()
    local log

    -- A listener whose callbacks write to `log`, with some of them replaced.
    local function listen(callbacks, opts)
      log = {}
      opts = opts or {}
      opts.edge = edge
      local all = {
        open = function() log[#log + 1] = "open" end,
        data = function(_, bytes) log[#log + 1] = "data " .. bytes end,
        eof = function(conn)
          log[#log + 1] = "eof"
          conn:close()
        end,
        error = function(_, _, code) log[#log + 1] = "error " .. code end,
        close = function(_, _, code) log[#log + 1] = "close " .. tostring(code) end,
      }
      for name, fn in pairs(callbacks or {}) do all[name] = fn or nil end
      for name, fn in pairs(all) do all[name] = collecting(fn) end
      return assert(tl.listen("127.0.0.1:0", all, opts))
    end

    local function closed()
      return log[#log] and log[#log]:find("^close")
    end

    local function finish(listener)
      till(closed, "close, after " .. table.concat(log, ", "))
      turns(5)
      assert.equal(0, listener.connections)
      listener:close()
      return log
    end

    it("has open, data, eof, close called, in this order", function()
      run(function()
        local listener = listen()
        local client = assert(tl.connect(listener:sock()))
        till(function() return #log == 1 end)
        client:send("one")
        till(function() return #log == 2 end)
        client:send("two")
        client:close()
        assert.same({ "open", "data one", "data two", "eof", "close nil" }, finish(listener))
      end)
    end)

    it("without eof closes itself once the queued bytes have been sent", function()
      run(function()
        local listener = listen({ eof = false, data = function(conn)
          conn:send(("x"):rep(8 * 2 ^ 20))
        end })
        local client = assert(tl.connect(listener:sock()))
        client:send("question")
        client:shutdown("send")
        assert.equal(8 * 2 ^ 20, #client:receive("*a"))
        client:close()
        assert.same({ "open", "close nil" }, finish(listener))
      end)
    end)

    it("with eof may send after it", function()
      run(function()
        local listener = listen { eof = function(conn)
          log[#log + 1] = "eof"
          tl.after(0.005, function()
            conn:send("answer")
            conn:close()
          end)
        end }
        local client = assert(tl.connect(listener:sock()))
        client:send("question")
        client:shutdown("send")
        assert.equal("answer", client:receive("*a"))
        client:close()
        assert.same({ "open", "data question", "eof", "close nil" }, finish(listener))
      end)
    end)

    it("has error called, then close, when the peer resets; earlier bytes come first", function()
      run(function()
        local listener = listen()
        local client = assert(tl.connect(listener:sock()))
        till(function() return #log == 1 end)
        client:abort()
        assert.same({ "open", "error ECONNRESET", "close ECONNRESET" }, finish(listener))
      end)
    end)

    it("has close called once when it closes or aborts itself, in any callback", function()
      run(function()
        for _, verb in ipairs { "close", "abort" } do
          for _, where in ipairs { "open", "data", "eof" } do
            local listener = listen { [where] = function(conn)
              log[#log + 1] = where
              conn[verb](conn)
              log[#log + 1] = "returned"
              conn:close()
            end }
            local client, _, code = tl.connect(listener:sock())
            if client then
              client:send("x")
              client:shutdown("send")
            else -- the reset came before this was called
              assert.same({ "abort", "open", "ECONNRESET" }, { verb, where, code })
            end
            finish(listener)
            assert.equal("close nil", log[#log])
            assert.equal("returned", log[#log - 1])
            assert.equal(where, log[#log - 2])
            if client then client:close() end
          end
        end
      end)
    end)

    it("has close called once when a timer closes it with data in progress", function()
      run(function()
        local conn
        local listener = listen { open = function(c) conn = c end }
        local client = assert(tl.connect(listener:sock()))
        till(function() return conn end)
        client:send("x")
        client:flush()
        conn:close()
        conn:close()
        conn:abort()
        client:close()
        assert.same({ "close nil" }, finish(listener))
      end)
    end)

    it("that fails is closed, and its error reported with name and site", function()
      run(function()
        for _, where in ipairs { "open", "data", "eof" } do
          local seen = collecting_errors(function()
            local listener = listen { [where] = function(conn)
              conn.name = "guest"
              assert(conn.site:find("tests/support/sockets.lua:%d+$"))
              error("oops", 0)
            end }
            local client = assert(tl.connect(listener:sock()))
            client:send("x")
            client:shutdown("send")
            finish(listener)
            client:close()
          end)
          assert.same({ { "oops", "connection", "guest" } }, seen)
          assert.equal("close nil", log[#log])
        end
      end)
    end)

    it("that fails in close, or in error, is called no more", function()
      run(function()
        local seen = collecting_errors(function()
          local count = 0
          local listener = listen {
            error = function() error("in error", 0) end,
            close = function()
              count = count + 1
              log[#log + 1] = "close " .. count
              error("in close", 0)
            end,
          }
          local client = assert(tl.connect(listener:sock()))
          till(function() return #log == 1 end)
          client:abort()
          assert.same({ "open", "close 1" }, finish(listener))
        end)
        assert.same({ { "in error", "connection" }, { "in close", "connection" } }, seen)
      end)
    end)

    it("that waits holds the next ones back, and none is lost", function()
      run(function()
        local inside, most = 0, 0
        local received = {}
        local listener = listen {
          data = function(_, bytes)
            inside = inside + 1
            most = math.max(most, inside)
            tl.sleep(0.002)
            received[#received + 1] = bytes
            inside = inside - 1
          end,
          eof = function(conn)
            inside = inside + 1
            most = math.max(most, inside)
            log[#log + 1] = "eof"
            tl.sleep(0.002)
            inside = inside - 1
            conn:close()
          end,
        }
        local client = assert(tl.connect(listener:sock()))
        for i = 1, 20 do
          client:send(i .. ",")
          client:flush()
          turns(i % 3)
        end
        client:close()
        assert.same({ "open", "eof", "close nil" }, finish(listener))
        assert.equal(1, most)
        assert.equal("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,",
          table.concat(received))
      end)
    end)

    it("that waits while it is closed has close called after that", function()
      run(function()
        local conn
        local go = tl.channel(1)
        local listener = listen { data = function(c)
          conn = c
          go:receive()
          log[#log + 1] = "data over"
        end }
        local client = assert(tl.connect(listener:sock()))
        client:send("x")
        till(function() return conn end)
        assert.truthy(#tl.handles() > 0)
        conn:abort()
        turns(5)
        assert.same({ "open" }, log)
        go:send(true)
        client:close()
        assert.same({ "open", "data over", "close nil" }, finish(listener))
      end)
    end)

    it("needs no callback except data, and may have none", function()
      run(function()
        for _, callbacks in ipairs { {}, { data = nothing } } do
          local listener = assert(tl.listen("127.0.0.1:0", callbacks, { edge = edge }))
          local client = assert(tl.connect(listener:sock()))
          client:send("x")
          client:shutdown("send")
          assert.same({ nil, "closed", "", "EOF" }, { client:receive("*a") })
          client:close()
          till(function() return listener.connections == 0 end)
          listener:close()
        end
      end)
    end)

    it("that waits is listed, even without open", function()
      run(function()
        local listener
        listener = assert(tl.listen("127.0.0.1:0", { data = function(conn)
          tl.sleep(0.005)
          conn:close()
        end }, { edge = edge }))
        local client = assert(tl.connect(listener:sock()))
        client:send("x")
        local listed
        till(function()
          for _, row in ipairs(tl.handles()) do
            if row.kind == "callback" then listed = row.site end
          end
          return listed
        end)
        assert.truthy(listed:find("listener_spec.lua:%d+$"), listed)
        client:receive("*a")
        client:close()
        listener:close()
      end)
    end)
  end)
end

describe("accepting without descriptors left", function()
  -- A server at its limit of descriptors, and clients in the same process that
  -- wait in its backlog.
  local function script(body)
    return [[
      local tl = require "timerlua"
      local core, ffi = require "timerlua.core.ffi", require "ffi"
      ffi.cdef "int dup(int); int close(int);"
      local served, told, messages = 0, 0, {}
      local listener = tl.listen("127.0.0.1:0", function(c) served = served + 1 c:send("x") end,
        OPTS)
      local clients = {}
      for i = 1, 5 do
        clients[i] = assert(tl.connect(listener:sock()))
        if i == 1 then clients[1]:receive("*a") served = 0 listener:pause() end
      end
      local taken = {}
      while true do
        local fd = ffi.C.dup(0)
        if fd < 0 then break end
        taken[#taken + 1] = fd
      end
      local stats = ffi.new("tl_loop_stats")
      core.C.tl_loop_stats_get(core.loop, stats)
      local waits, accepts = stats.waits, stats.accepts
      listener:resume()
      tl.sleep(0.35)
      core.C.tl_loop_stats_get(core.loop, stats)
      print("bounded", stats.waits - waits < 30, stats.accepts - accepts < 10)
      print("told", told, messages[1])
      for _, fd in ipairs(taken) do ffi.C.close(fd) end
      for i = 2, 5 do io.write(tostring(clients[i]:receive("*a")), " ") end
      print("served", served)
      listener:close()]] .. body
  end

  it("is reported once, does not spin, and goes on when there are some", function()
    local r = support.run({ "-e", (script(""):gsub("OPTS", [[{ error = function(l, m, code)
      told = told + 1
      messages[told] = m:gsub(":%%d+", "") .. " " .. code .. " " .. l.kind
    end }]])) }, { timeout = 20, before = "ulimit -n 40; " })
    assert.equal("", r.err)
    assert.equal("bounded\ttrue\ttrue\n"
      .. "told\t1\taccept 127.0.0.1: too many open files EMFILE listener\n"
      .. "x x x x served\t4\n", r.out)
    assert.equal(0, r.code)
  end)

  it("is reported to tl.on error without a function of the listener's", function()
    local r = support.run({ "-e", (script(""):gsub("OPTS", "nil")) },
      { timeout = 20, before = "ulimit -n 40; " })
    assert.equal(1, support.count("too many open files", r))
    assert.truthy(r.out:find("x x x x served\t4\n", 1, true), r.out)
    assert.equal(1, r.code)
  end)

  it("does not end a program that has only this listener", function()
    local r = support.run({ "-e", [[
      local tl = require "timerlua"
      local ffi = require "ffi"
      ffi.cdef "int dup(int); int close(int);"
      local taken = {}
      local listener
      listener = tl.listen("127.0.0.1:0", function() io.write("served") listener:close() end,
        { error = function()
          io.write("lacking ")
          -- the only timer is not referenced
          tl.after(0.05, function() for _, fd in ipairs(taken) do ffi.C.close(fd) end end):unref()
        end })
      local client = tl.connect(listener:sock(), { handler = { open = function()
        while true do
          local fd = ffi.C.dup(0)
          if fd < 0 then break end
          taken[#taken + 1] = fd
        end
      end } }):unref()]] }, { timeout = 20, before = "ulimit -n 40; " })
    assert.equal("", r.err)
    -- the connection may have been accepted before the descriptors were taken
    assert.truthy(r.out == "lacking served" or r.out == "served", r.out)
    assert.equal(0, r.code)
  end)
end)
