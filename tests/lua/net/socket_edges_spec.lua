-- What socket runtimes get wrong first, one describe for each edge; D24 is in
-- listener_spec, timers' edges are in edges_spec.
local ffi = require "ffi"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

ffi.cdef [[
  int dup(int fd);
  int close(int fd);
]]

local run, till, turns = sockets.run, sockets.till, sockets.turns

-- A listener with callbacks and `count` clients; conns are the accepted ones.
local function many(count, callbacks, edge)
  local conns = {}
  callbacks.open = function(c) conns[#conns + 1] = c end
  local listener = assert(tl.listen("127.0.0.1:0", callbacks, { edge = edge }))
  local clients = {}
  for i = 1, count do
    clients[i] = assert(tl.connect(listener:sock()))
    if i % 100 == 0 then till(function() return #conns == i end) end
  end
  till(function() return #conns == count end)
  return conns, clients, listener
end

-- A position-dependent checksum, taken piece by piece.
local function checksum(sum, bytes)
  for i = 1, #bytes, 997 do sum = (sum * 31 + bytes:byte(i) + #bytes) % 2 ^ 40 end
  return sum
end

describe("D21: a child process", function()
  it("inherits no socket", function()
    local r = support.run([[local tl = require "timerlua"
      local function count()
        local list = io.popen("ls /proc/self/fd | wc -l")
        local n = tonumber(list:read("*a"))
        list:close()
        return n
      end
      local before = count()
      local l = tl.listen("127.0.0.1:0", function(c) c:receive() end)
      local c = tl.connect(l:sock())
      tl.sleep(0.01)
      io.write(count() - before)
      os.exit(0)]], { timeout = 10 })
    assert.same({ 0, "0", "" }, { r.code, r.out, r.err })
  end)

  it("started in between does not disturb connections", function()
    run(function()
      local a, b = sockets.pair()
      for i = 1, 5 do
        local reader = tl.spawn(function() return b:receive() end)
        local child = io.popen("true")
        a:send(i .. "\n")
        assert.equal(tostring(i), reader:join())
        child:close()
      end
      a:close()
      b:close()
    end)
  end)
end)

for _, edge in ipairs { false, true } do
  local mode = edge and " (edge)" or ""

  describe("D22: a descriptor's number used again" .. mode, function()
    it("within a batch brings the new connection nothing of the old one's", function()
      run(function()
        local listener_two
        local fresh, same = {}, 0
        local conns, clients, listener
        listener_two = assert(tl.listen("127.0.0.1:0", function(c) c:receive() end))
        conns, clients, listener = many(20, { data = function(conn)
          local victim = table.remove(conns)
          if victim == conn then return end
          if not victim then return end
          local number = victim:fileno()
          victim:abort()
          local new = assert(tl.connect(listener_two:sock()))
          if new:fileno() == number then same = same + 1 end
          new:settimeout(0)
          local data, err = new:receive_some()
          fresh[#fresh + 1] = { new, data, err }
        end }, edge)
        for _, client in ipairs(clients) do client:send("for the old one") end
        turns(30)
        assert.is_true(same > 0)
        for _, each in ipairs(fresh) do
          assert.same({ nil, "timeout" }, { each[2], each[3] })
          each[1]:close()
        end
        for _, client in ipairs(clients) do client:close() end
        listener:close()
        listener_two:close()
        turns(10)
      end)
    end)

    it("while a duplicate of the old one lives does not confuse them", function()
      run(function()
        local a, b = sockets.pair { edge = edge }
        b:settimeout(0.005)
        b:receive_some() -- watched now
        local copy = ffi.C.dup(b:fileno())
        local number = b:fileno()
        local c
        local listener = assert(tl.listen("127.0.0.1:0", function(conn) c = conn end,
          { edge = edge, autoclose = false }))
        b:close()
        local d = assert(tl.connect(listener:sock(), { edge = edge }))
        assert.equal(number, d:fileno())
        till(function() return c end)
        listener:close()
        a:send("for the duplicate")
        a:flush()
        local waits = sockets.stats().waits
        local reader = tl.spawn(function() return d:receive(3) end)
        tl.sleep(0.02)
        assert.is_true(sockets.stats().waits - waits < 20)
        c:send("new")
        assert.equal("new", reader:join())
        ffi.C.close(copy)
        for _, conn in ipairs { a, c, d } do conn:close() end
      end)
    end)
  end)

  describe("D23: a handler that closes others of the same batch" .. mode, function()
    it("keeps them from being told anything but close, of 2,500", function()
      local code = ([[
        local tl = require "timerlua"
        local conns, told, closed, count = {}, 0, 0, 2500
        local listener = tl.listen("127.0.0.1:0", {
          open = function(c) conns[#conns + 1] = c end,
          data = function()
            told = told + 1
            for _, conn in ipairs(conns) do conn:abort() end
          end,
          close = function() closed = closed + 1 end,
        }, { edge = %s })
        local clients = {}
        for i = 1, count do clients[i] = assert(tl.connect(listener:sock())) end
        while #conns < count do tl.sleep(0) end
        for _, client in ipairs(clients) do client:send("x") end
        local waits = 0
        while closed < count and waits < 1000 do tl.sleep(0) waits = waits + 1 end
        tl.sleep(0.01)
        io.write(told, " ", closed, " ", listener.connections)
        for _, client in ipairs(clients) do client:close() end
        listener:close()]]):format(tostring(edge))
      local r = support.run({ "-e", code }, { timeout = 30, before = "ulimit -n 6000; " })
      assert.same({ 0, "1 2500 0", "" }, { r.code, r.out, r.err })
    end)
  end)

  describe("D25: a half-closed connection" .. mode, function()
    it("answers after the end, in both directions", function()
      run(function()
        for _, first in ipairs { "a", "b" } do
          local a, b = sockets.pair { edge = edge }
          if first == "b" then a, b = b, a end
          local answering = tl.spawn(function()
            local question = b:receive("*a")
            tl.sleep(0.002)
            b:send(question:rep(100000))
            b:close()
          end)
          a:send("question")
          a:shutdown("send")
          assert.is_true(a:receive("*a") == ("question"):rep(100000))
          answering:join()
          a:close()
        end
      end)
    end)

    it("by both at the same time is closed in order", function()
      run(function()
        local a, b = sockets.pair { edge = edge }
        a:send("1")
        b:send("2")
        assert.same({ true, true }, { a:shutdown("send"), b:shutdown("send") })
        assert.same({ "2", "1" }, { a:receive("*a"), b:receive("*a") })
        a:close()
        b:close()
      end)
    end)
  end)

  describe("D26: a peer that is gone" .. mode, function()
    it("by a reset before it is accepted is no harm", function()
      run(function()
        local results = {}
        local listener = assert(tl.listen("127.0.0.1:0", function(c)
          results[#results + 1] = select(4, c:receive())
        end, { edge = edge }))
        listener:pause()
        for _ = 1, 5 do assert(tl.connect(listener:sock())):abort() end
        listener:resume()
        turns(20)
        for _, code in ipairs(results) do assert.equal("ECONNRESET", code) end
        local conn = assert(tl.connect(listener:sock()))
        till(function() return listener.connections == 1 end)
        conn:close()
        till(function() return listener.connections == 0 end)
        listener:close()
      end)
    end)

    it("by a reset is told to who reads, sends, waits or comes later", function()
      run(function()
        local a, b = sockets.pair { edge = edge } -- idle
        a:abort()
        turns()
        assert.same({ nil, "closed", "", "ECONNRESET" }, { b:receive() })
        b:close()

        a, b = sockets.pair { edge = edge } -- a reader waits
        local reader = tl.spawn(function() return b:receive() end)
        turns()
        a:setoption("linger", 0)
        a:close()
        assert.same({ nil, "closed", "", "ECONNRESET" }, { reader:join() })
        b:close()

        a, b = sockets.pair { edge = edge, high = 1000, sndbuf = 4096, rcvbuf = 4096 }
        local writer = tl.spawn(function() return b:send(("x"):rep(8 * 2 ^ 20)) end)
        turns()
        a:abort() -- with a queue
        local _, err, _, code = writer:join()
        assert.equal("closed", err)
        assert.is_true(code == "ECONNRESET" or code == "EPIPE", code)
        assert.same({ 0, false }, { b:queued() })
        b:close()
      end)
    end)

    it("does not end the process by SIGPIPE", function()
      local r = support.run({ "-e", ([[
        local tl = require "timerlua"
        local theirs
        local l = tl.listen("127.0.0.1:0", function(c) theirs = c end,
          { autoclose = false, edge = %s })
        local c = tl.connect(l:sock())
        while not theirs do tl.sleep(0) end
        c:abort()
        local codes = {}
        for i = 1, 3 do
          codes[i] = tostring((select(4, theirs:send("x"))))
          tl.sleep(0.002)
        end
        io.write(codes[1], " ", tostring(codes[2] == "EPIPE" or codes[2] == "ECONNRESET"),
          " ", tostring(codes[2] == codes[3]))
        l:close()]]):format(tostring(edge)) }, { timeout = 10 })
      assert.same({ 0, "nil true true", "" }, { r.code, r.out, r.err })
    end)
  end)

  describe("D27: a queue" .. mode, function()
    it("of 100 MB reaches a slow reader whole and in order", function()
      run(function()
        local a, b = sockets.pair { edge = edge }
        local sent = 0
        local writer = tl.spawn(function()
          for i = 1, 1600 do
            local piece = ("%06d"):format(i):rep(10923)
            sent = checksum(sent, piece)
            assert(a:send(piece))
          end
          a:close()
        end)
        local got, bytes = 0, 0
        for i = 1, 1600 do
          local piece = assert(b:receive(65538))
          bytes = bytes + #piece
          got = checksum(got, piece)
          if i % 50 == 0 then tl.sleep(0.001) end
        end
        assert.same({ nil, "closed", "", "EOF" }, { b:receive(1) })
        assert.equal(1600 * 65538, bytes)
        assert.equal(sent, got)
        writer:join()
        b:close()
      end, 60)
    end)

    it("filled by one callback, 100 MB at once, arrives whole", function()
      run(function()
        local block = ("0123456789abcdef"):rep(65536)
        local listener = assert(tl.listen("127.0.0.1:0", {
          open = function(c)
            for _ = 1, 100 do c:send(block) end
            c:close()
          end,
        }, { edge = edge }))
        local client = assert(tl.connect(listener:sock(), { edge = edge }))
        for _ = 1, 100 do assert.is_true(client:receive(#block) == block) end
        assert.same({ nil, "closed", "", "EOF" }, { client:receive(1) })
        client:close()
        listener:close()
        turns(10)
      end, 60)
    end)

    it("keeps the order of many writers, whose messages stay whole", function()
      run(function()
        local a, b = sockets.pair { edge = edge, sndbuf = 4096 }
        local writers = {}
        for w = 1, 20 do
          writers[w] = tl.spawn(function()
            for i = 1, 20 do
              local line = ("%d.%d "):format(w, i):rep(1000) .. "\n"
              while true do -- others wait for room: busy takes nothing
                local last, err, taken = a:send(line)
                if last or taken == #line then break end
                assert.equal("busy", err)
                tl.sleep(0)
              end
              tl.sleep(0)
            end
          end)
        end
        local seen = {}
        for _ = 1, 400 do
          local line = assert(b:receive())
          local w, i = line:match("^(%d+)%.(%d+) ")
          assert.equal(("%s.%s "):format(w, i):rep(1000), line)
          assert.equal((seen[w] or 0) + 1, tonumber(i))
          seen[w] = tonumber(i)
        end
        for _, writer in ipairs(writers) do writer:join() end
        a:close()
        b:close()
      end, 60)
    end)

    it("in both directions, full, does not lock up", function()
      run(function()
        local a, b = sockets.pair { edge = edge }
        local text = ("full"):rep(4 * 2 ^ 20)
        local tasks = {}
        for _, conn in ipairs { a, b } do
          tasks[#tasks + 1] = tl.spawn(function()
            assert(conn:send(text))
            conn:shutdown("send")
          end)
          tasks[#tasks + 1] = tl.spawn(function()
            assert.is_true(conn:receive("*a") == text)
          end)
        end
        for _, each in ipairs(tasks) do each:join() end
        a:close()
        b:close()
      end, 60)
    end)
  end)
end

describe("system calls", function()
  -- Trace a script, from its line MARK on.
  local function trace(code)
    local path, out = support.temporary(code), os.tmpname()
    local r = support.shell(("strace -o %s %s %s"):format(out, support.program, path),
      { timeout = 30 })
    local text = support.read(out)
    os.remove(path)
    os.remove(out)
    assert.equal("", r.err)
    assert.equal(0, r.code)
    return text:match('MARK.-\n(.*)MARK') or text, text
  end

  local function count(text, pattern)
    return select(2, text:gsub(pattern, ""))
  end

  local traced = support.sanitized and pending or it -- strace is slow there

  traced("for one request and its answer are recv and send, and the wait", function()
    local part = trace [[
      local tl = require "timerlua"
      local ends = {}
      local l = tl.listen("127.0.0.1:0", { data = function(c, bytes) c:send(bytes) end })
      local c = tl.connect(l:sock())
      for i = 1, 3 do c:send("warm") c:receive(4) end
      io.stderr:write() io.stdout:write("MARK\n") io.stdout:flush()
      for i = 1, 100 do c:send("ping") c:receive(4) end
      io.stdout:write("MARK\n") io.stdout:flush()
      c:close() l:close()]]
    assert.equal(200, count(part, "\nsendto%(") + count(part, "^sendto%("))
    assert.equal(0, count(part, "epoll_ctl"))
    assert.equal(0, count(part, "timerfd"))
    -- each end: one recv with bytes; the client asks once before it waits
    assert.is_true(count(part, "recvfrom%(") <= 300, count(part, "recvfrom%("))
    assert.is_true(count(part, "epoll_wait") <= 210, count(part, "epoll_wait"))
  end)

  traced("for 16 sends of one callback are one", function()
    local part = trace [[
      local tl = require "timerlua"
      local l = tl.listen("127.0.0.1:0", { data = function(c, bytes)
        for i = 1, 16 do c:send(bytes) end
      end })
      local c = tl.connect(l:sock())
      c:send("w") c:receive(16)
      io.stdout:write("MARK\n") io.stdout:flush()
      for i = 1, 16 do c:send("x") end
      c:receive(256)
      io.stdout:write("MARK\n") io.stdout:flush()
      c:close() l:close()]]
    assert.equal(2, count(part, "sendto%(") + count(part, "sendmsg%("))
  end)

  traced("set TCP_NODELAY once for all that a listener accepts", function()
    local _, text = trace [[
      local tl = require "timerlua"
      local l = tl.listen("127.0.0.1:0", function(c) assert(c:getoption("nodelay")) end)
      for i = 1, 10 do tl.connect(l:sock(), { nodelay = false }):receive("*a") end
      l:close()]]
    assert.equal(1, count(text, "setsockopt[^\n]*TCP_NODELAY, %[1%]"))
  end)

  traced("for edge-triggered connections never change what is watched", function()
    local _, text = trace [[
      local tl = require "timerlua"
      local l = tl.listen("127.0.0.1:0", function(c)
        for line in c:lines() do c:send(line:rep(2 ^ 20)) end
      end, { edge = true })
      for i = 1, 3 do
        local c = tl.connect(l:sock(), { edge = true })
        c:send("a\nb\n")
        assert(#c:receive(2 ^ 21) == 2 ^ 21)
        c:close()
      end
      l:close()]]
    assert.equal(0, count(text, "EPOLL_CTL_MOD"))
    assert.is_true(count(text, "EPOLL_CTL_ADD[^\n]*EPOLLET") >= 6)
  end)
end)
