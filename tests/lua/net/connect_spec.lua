-- tl.connect: the addresses that it reaches, how it fails, and that it leaves nothing
-- behind.
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"


local run, till, turns, collecting = sockets.run, sockets.till, sockets.turns, sockets.collecting

local function nothing() end

-- An address without a listener.
local function dead_address()
  local listener = assert(tl.listen("127.0.0.1:0", nothing))
  listener:close()
  return listener:sock()
end

-- A Unix path whose backlog is full of `count` connections, and a function that closes
-- it.
local function full_unix()
  local path = os.tmpname()
  os.remove(path)
  local listener = assert(tl.listen("unix:" .. path, nothing, { backlog = 1 }))
  listener:pause()
  local clients = {}
  for i = 1, 2 do clients[i] = assert(tl.connect("unix:" .. path)) end
  return "unix:" .. path, listener, function()
    for _, client in ipairs(clients) do client:close() end
    listener:close()
  end
end

describe("tl.connect", function()
  it("names operation, address and cause when it fails", function()
    run(function()
      local address = dead_address()
      local conn, message, code = tl.connect(address)
      assert.same({ nil, ("connect %s: connection refused"):format(address), "ECONNREFUSED" },
        { conn, message, code })
      conn, message, code = tl.connect("unix:/nowhere/at/all")
      assert.same({ nil, "connect unix:/nowhere/at/all: no such file or directory", "ENOENT" },
        { conn, message, code })
      conn, message, code = tl.connect("unix:@nobody-there")
      assert.same({ nil, "connect unix:@nobody-there: connection refused", "ECONNREFUSED" },
        { conn, message, code })
      conn, message, code = tl.connect("fd:99")
      assert.same({ nil, "connect fd:99: bad file descriptor", "EBADF" },
        { conn, message, code })
    end)
  end)

  it("reaches IPv6 literals and names of both families", function()
    run(function()
      for _, bound in ipairs { "127.0.0.1:0", "[::1]:0" } do
        local listener = assert(tl.listen(bound, function(c) c:send("hi") end))
        -- hosts(5) may know localhost by its IPv4 address alone
        local name = bound:find("^127") and "localhost:" or ":"
        for _, address in ipairs { listener:sock(), name .. listener.port,
          ":" .. listener.port } do
          local quickest = math.huge
          for _ = 1, 3 do
            local start = tl.now()
            local conn = assert(tl.connect(address))
            quickest = math.min(quickest, tl.now() - start)
            assert.equal("hi", conn:receive("*a"))
            assert.equal(listener:sock(), conn:peer() or listener:sock())
            conn:close()
          end
          -- a refused first address does not cost the delay between attempts
          assert.is_true(quickest < 0.2, quickest)
        end
        listener:close()
      end
    end)
  end)

  it("binds to local_addr first", function()
    run(function()
      local seen
      local listener = assert(tl.listen("127.0.0.1:0", function(c) seen = c:peer() end))
      local conn = assert(tl.connect(listener:sock(), { local_addr = "127.0.0.2:0" }))
      till(function() return seen end)
      assert.equal("127.0.0.2", conn:getsockname())
      assert.equal(conn:sock(), seen)
      conn:close()
      listener:close()
      local none, _, code = tl.connect(listener:sock(), { local_addr = "192.0.2.1:0" })
      assert.same({ nil, "EADDRNOTAVAIL" }, { none, code })
    end)
  end)

  it("gives up after its timeout, and leaves nothing behind", function()
    run(function()
      local address, _, close = full_unix()
      local start = tl.now()
      local conn, message, code = tl.connect(address, { timeout = 0.05 })
      assert.same({ nil, ("connect %s: connection timed out"):format(address), "ETIMEDOUT" },
        { conn, message, code })
      assert.is_true(tl.now() - start >= 0.05)
      close()
    end)
  end)

  it("waits for a full Unix backlog, and gets through", function()
    run(function()
      local address, listener, close = full_unix()
      local connecting = tl.spawn(function() return tl.connect(address) end)
      tl.sleep(0.03)
      assert.equal("waiting", connecting.status)
      listener:resume()
      local conn = assert(connecting:join())
      conn:close()
      close()
    end)
  end)

  it("times out at a full TCP backlog, and is reached by cancel and tl.timeout", function()
    run(function()
      local listener = assert(tl.listen("127.0.0.1:0", nothing, { backlog = 0 }))
      listener:pause()
      local clients = {}
      local conn, _, code
      repeat -- the kernel drops connections that do not fit
        conn, _, code = tl.connect(listener:sock(), { timeout = 0.05 })
        clients[#clients + 1] = conn
      until not conn or #clients > 10
      assert.equal("ETIMEDOUT", code)
      assert.same({ n = 3, nil, "timeout", "ETIMEDOUT" },
        (function(...) return { n = select("#", ...), ... } end)(
          tl.timeout(0.02, tl.connect, listener:sock())))
      local fds = support.count_fds()
      local connecting = tl.spawn(function() return tl.connect(listener:sock()) end)
      turns(3)
      assert.equal(fds + 1, support.count_fds())
      connecting:cancel()
      assert.same({ nil, "join: task cancelled", "ECANCELED" }, { connecting:join() })
      assert.equal(fds, support.count_fds())
      for _, client in ipairs(clients) do client:close() end
      listener:close()
    end)
  end)

  it("to a dead port 1,000 times at once leaves nothing behind", function()
    run(function()
      local address = dead_address()
      local tasks, codes = {}, {}
      for i = 1, 1000 do
        tasks[i] = tl.spawn(function()
          local _, _, code = tl.connect(address)
          codes[code] = (codes[code] or 0) + 1
        end)
      end
      for _, each in ipairs(tasks) do each:join() end
      assert.same({ ECONNREFUSED = 1000 }, codes)
    end)
  end)

  it("begins the next address when the first one does not answer", function()
    -- two addresses of one name: the first one's backlog is full
    run(function()
      local first = assert(tl.listen("[::1]:0", nothing, { backlog = 0 }))
      first:pause()
      local second = assert(tl.listen("127.0.0.1:" .. first.port, function(c) c:send("hi") end))
      local clients = {}
      repeat
        local conn = tl.connect(first:sock(), { timeout = 0.05 })
        clients[#clients + 1] = conn
      until not conn or #clients > 10
      local start = tl.now()
      local conn = assert(tl.connect(":" .. first.port))
      local took = tl.now() - start
      assert.equal("hi", conn:receive("*a"))
      assert.is_true(took >= 0.25 and took < 10, took)
      for _, client in ipairs(clients) do client:close() end
      conn:close()
      first:close()
      second:close()
    end)
  end)

  it("refuses wrong arguments at the caller's line", function()
    local function raised(...)
      local ok, message = pcall(loadstring("require('timerlua').connect(...)", "=x"), ...)
      assert.is_false(ok)
      return (message:gsub("one of .-,? got", "one of ..., got"))
    end
    assert.equal('x:1: timerlua.connect: an option must be one of ..., got "colour"',
      raised(":1", { colour = "red" }))
    assert.equal("x:1: timerlua.connect: option handler must be a function, got 1",
      raised(":1", { handler = 1 }))
    assert.equal('x:1: timerlua.connect: a callback must be one of ..., got "opened"',
      raised(":1", { handler = { opened = nothing } }))
    assert.equal("x:1: timerlua.connect: option local_addr must be a numeric or unix: "
      .. 'address, got "localhost:0"', raised(":1", { local_addr = "localhost:0" }))
  end)
end)

describe("tl.connect with a handler", function()
  local log

  local function callbacks()
    log = {}
    local list = {}
    for _, name in ipairs { "open", "data", "eof", "error", "close" } do
      list[name] = collecting(function(conn, what, code)
        log[#log + 1] = table.concat({ name, tostring(code or what) }, " ")
        if name == "eof" then conn:close() end
      end)
    end
    return list
  end

  local function told(what)
    return function() return log[#log] and log[#log]:find(what, 1, true) == 1 end
  end

  it("that is a table returns at once, and calls open, data, eof, close", function()
    run(function()
      local listener = assert(tl.listen("127.0.0.1:0", function(c) c:send("hi") end))
      local conn = tl.connect(listener:sock(), { handler = callbacks() })
      assert.equal("connection", conn.kind)
      assert.same({}, log)
      till(told "close")
      assert.same({ "open nil", "data hi", "eof nil", "close nil" }, log)
      assert.is_true(conn:closed())
      listener:close()
    end)
  end)

  it("that is a table has error called, then close, when it fails", function()
    run(function()
      local conn = tl.connect(dead_address(), { handler = callbacks() })
      till(told "close")
      turns()
      assert.same({ "error ECONNREFUSED", "close ECONNREFUSED" }, log)
      assert.is_true(conn:closed())
    end)
  end)

  it("that is a table has close called, once, when closed while it connects", function()
    run(function()
      for _, verb in ipairs { "close", "abort" } do
        for count = 0, 3 do
          local address, _, close = full_unix()
          local conn = tl.connect(address, { handler = callbacks() })
          turns(count)
          conn[verb](conn)
          assert.is_true(conn:closed())
          conn:close()
          assert.same({}, log)
          till(told "close")
          turns()
          assert.same({ "close nil" }, log)
          close()
        end
      end
    end)
  end)

  it("that is a function is a task with the connection, closed afterwards", function()
    run(function()
      local listener = assert(tl.listen("127.0.0.1:0", function(c) c:send(c:receive()) end))
      local answer
      local conn = tl.connect(listener:sock(), { handler = function(c)
        c:send("question\n")
        answer = c:receive("*a")
      end })
      till(function() return answer end)
      turns()
      assert.equal("question", answer)
      assert.is_true(conn:closed())
      listener:close()
    end)
  end)

  it("that is a function has the failure reported", function()
    run(function()
      local seen = {}
      local subscription = tl.on("error", function(err, _, source)
        seen[#seen + 1] = { err, source.kind }
      end)
      local address = dead_address()
      local conn = tl.connect(address, { handler = nothing })
      till(function() return #seen > 0 end)
      subscription:cancel()
      assert.same({ { ("connect %s: connection refused"):format(address), "connection" } }, seen)
      assert.is_true(conn:closed())
    end)
  end)
end)

describe("the program", function()
  it("ends when a handler's connection is closed before it is made", function()
    local r = support.run([[local tl = require "timerlua"
      local l = tl.listen("127.0.0.1:0", print)
      l:close()
      local c = tl.connect(l:sock(), { handler = { close = function() io.write("close") end } })
      c:close()]], { timeout = 10 })
    assert.same({ 0, "close", "" }, { r.code, r.out, r.err })
  end)
end)

