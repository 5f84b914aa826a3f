-- How datagram sockets receive. The specs run in a plain luajit, whose main chunk
-- waits.
local datagrams = require "tests.support.datagrams"
local support = require "tests.support"
local tl = require "timerlua"

local udp, pair = datagrams.udp, datagrams.pair
local echo, until_true = datagrams.echo, datagrams.until_true

local LONGEST = 65507 -- bytes in a UDP datagram over IPv4, udp(7)

describe("tl.udp", function()
  local before

  before_each(function() before = datagrams.begin() end)
  after_each(datagrams.finish)

  describe("receives", function()
    it("by a callback, with the sender's address", function()
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

    it("datagrams that came before the request", function()
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

    it("no more once it is closed, and wakes waiting tasks", function()
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
    it("not before the last call is over, when that waits", function()
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

    it("no more once it has closed the socket, though more datagrams have come", function()
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

    it("not in a busy loop when a task-style socket has unread data", function()
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
end)
