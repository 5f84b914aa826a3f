-- Connections: every verb, over loopback, level- and edge-triggered.
local buffer = require "string.buffer"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

local run, pair, turns, till = sockets.run, sockets.pair, sockets.turns, sockets.till

-- The results of a call, with their number; and those that are expected.
local function pack(...) return { n = select("#", ...), ... } end
local results = pack

-- Bytes in which no two places look alike.
local function pattern_of(length)
  local parts = buffer.new(length)
  local i = 0
  while #parts < length do
    i = i + 1
    parts:putf("%d,", i)
  end
  return parts:get(length)
end

for _, mode in ipairs { { edge = false }, { edge = true } } do
  local name = mode.edge and " (edge)" or ""

  -- A pair with options of its own besides the mode.
  local function make(opts, addr)
    local all = { edge = mode.edge }
    for key, value in pairs(opts or {}) do all[key] = value end
    return pair(all, addr)
  end

  describe("connection:receive" .. name, function()
    it("gives lines without their ends; CRLF is one end, a lone CR is kept", function()
      run(function()
        local a, b = make()
        a:send("one\ntwo\r\n\n\r\nthree\rfour\n\r\r\nfi\0ve\nrest")
        a:close()
        local lines = {}
        for i = 1, 7 do lines[i] = b:receive() end
        assert.same({ "one", "two", "", "", "three\rfour", "\r", "fi\0ve" }, lines)
        assert.same(results(nil, "closed", "rest", "EOF"), pack(b:receive("*l")))
        assert.same(results(nil, "closed", "", "EOF"), pack(b:receive("*l")))
        b:close()
      end)
    end)

    it("puts lines together that come in pieces, a CR and its LF apart", function()
      run(function()
        local a, b = make()
        local reader = tl.spawn(function() return b:receive(), b:receive("l") end)
        for _, piece in ipairs { "he", "llo\r", "\nwor", "ld", "\n" } do
          a:send(piece)
          turns()
        end
        assert.same(results("hello", "world"), pack(reader:join()))
        a:close()
        b:close()
      end)
    end)

    it("gives a number of bytes, also of several arrivals, and leaves the rest", function()
      run(function()
        local a, b = make()
        local reader = tl.spawn(function() return b:receive(5), b:receive(3) end)
        for _, piece in ipairs { "ab", "cdefg", "hijk" } do
          a:send(piece)
          turns()
        end
        assert.same(results("abcde", "fgh"), pack(reader:join()))
        assert.equal("ij", b:receive(2))
        a:close()
        assert.same(results(nil, "closed", "k", "EOF"), pack(b:receive(2)))
        b:close()
      end)
    end)

    it("gives an empty string for 0 bytes, at once", function()
      run(function()
        local a, b = make()
        assert.equal("", b:receive(0))
        a:send("x")
        turns()
        assert.equal("", b:receive(0))
        assert.equal("x", b:receive(1))
        a:close()
        b:close()
      end)
    end)

    it("counts a prefix, and puts it before data and partial data", function()
      run(function()
        local a, b = make()
        a:send("defg\nhi")
        assert.equal("abcde", b:receive(5, "abc"))
        assert.equal("abc", b:receive(2, "abc"))
        assert.equal("abcfg", b:receive("*l", "abc"))
        a:close()
        assert.same(results(nil, "closed", "abchi", "EOF"), pack(b:receive(9, "abc")))
        b:close()
      end)
    end)

    it("gives all until the end", function()
      run(function()
        local a, b = make()
        local reader = tl.spawn(function() return b:receive("*a") end)
        a:send("one\n")
        turns()
        a:send("two")
        turns()
        a:close()
        assert.same(results("one\ntwo"), pack(reader:join()))
        b:close()
      end)
    end)

    it("gives what had come when the time is over, once", function()
      run(function()
        local a, b = make()
        b:settimeout(0.01)
        a:send("abc")
        assert.same(results(nil, "timeout", "abc", "ETIMEDOUT"), pack(b:receive(10)))
        assert.same(results(nil, "timeout", "", "ETIMEDOUT"), pack(b:receive("*l")))
        assert.same(results(nil, "timeout", "", "ETIMEDOUT"), pack(b:receive("*a")))
        assert.same(results(nil, "timeout", "", "ETIMEDOUT"), pack(b:receive_some()))
        a:send("def\n")
        assert.equal("def", b:receive())
        a:close()
        b:close()
      end)
    end)

    it("with a time of 0 takes what is there, and does not wait", function()
      run(function()
        local a, b = make()
        b:settimeout(0)
        assert.same(results(nil, "timeout", "", "ETIMEDOUT"), pack(b:receive_some()))
        for _, text in ipairs { "one", "two", "three" } do
          a:send(text)
          a:flush()
          assert.equal(text, b:receive_some())
        end
        a:close()
        b:close()
      end)
    end)

    it("counts the time anew when bytes come, or not with mode t", function()
      run(function()
        local a, b = make()
        local function drip(count)
          return tl.spawn(function()
            for _ = 1, count do
              tl.sleep(0.1)
              if not a:send("x") then return end
              a:flush()
            end
          end)
        end
        b:settimeout(0.3)
        drip(4)
        assert.equal("xxxx", b:receive(4))
        b:settimeout(0.2, "t")
        local dripping = drip(100) -- 10 s, were the time counted anew
        local start = tl.now()
        local data, err, partial = b:receive(100)
        local took = tl.now() - start
        assert.same({ nil, "timeout" }, { data, err })
        assert.is_true(#partial >= 1 and #partial < 100, partial)
        assert.is_true(took >= 0.2 and took < 5, took)
        start = tl.now()
        data, err = b:receive_until("never", true)
        took = tl.now() - start
        assert.same({ nil, "timeout" }, { data, err })
        assert.is_true(took >= 0.2 and took < 5, took)
        dripping:cancel()
        a:close()
        b:close()
      end)
    end)

    it("takes 10 MB in one piece, in lines, and until the end", function()
      run(function()
        local a, b = make()
        local text = pattern_of(10 * 2 ^ 20)
        local writer = tl.spawn(function()
          assert(a:send(text))
          assert(a:send(text .. "\n"))
          assert(a:send(text))
          a:close()
        end)
        assert.is_true(b:receive(#text) == text)
        assert.is_true(b:receive() == text)
        assert.is_true(b:receive("*a") == text)
        writer:join()
        b:close()
      end)
    end)

    it("refuses a second reader with busy, and the first goes on", function()
      run(function()
        local a, b = make()
        local reader = tl.spawn(function() return b:receive(3) end)
        turns(2)
        assert.same(results(nil, "busy", "", "EBUSY"), pack(b:receive(1)))
        assert.same(results(nil, "busy", "", "EBUSY"), pack(b:receive_some()))
        assert.same(results(nil, "busy", "", "EBUSY"), pack(b:receive_until("x")))
        assert.same(results(nil, "busy", "", "EBUSY"), pack(b:receive_into(buffer.new())))
        a:send("abc")
        assert.equal("abc", reader:join())
        a:close()
        b:close()
      end)
    end)

    it("refuses lines longer than receive_limit", function()
      run(function()
        local a, b = make { receive_limit = 1000 }
        a:send(("x"):rep(2000))
        local data, err, partial, code = b:receive()
        assert.same({ nil, "longer than receive_limit", "EMSGSIZE" }, { data, err, code })
        assert.is_true(#partial >= 1000)
        a:close()
        b:close()
      end)
    end)

    it("refuses wrong arguments at the caller's line", function()
      run(function()
        local a, b = make()
        local function raised(...)
          local receive = loadstring("local c = ... c:receive(select(2, ...))", "=x")
          return select(2, pcall(receive, b, ...))
        end
        assert.equal('x:1: timerlua.connection:receive: what must be a number of bytes, '
          .. '"*l" or "*a", got "*n"', raised("*n"))
        assert.equal("x:1: timerlua.connection:receive: the number of bytes must be from "
          .. "0 to 2147483392, got -1", raised(-1))
        assert.equal("x:1: timerlua.connection:receive: prefix must be a string, got 1",
          raised(1, 1))
        a:close()
        b:close()
      end)
    end)
  end)

  describe("connection:receive_some" .. name, function()
    it("gives what is there, at most so much", function()
      run(function()
        local a, b = make()
        a:send("hello")
        assert.equal("he", b:receive_some(2))
        assert.equal("llo", b:receive_some())
        local reader = tl.spawn(function() return b:receive_some(100) end)
        turns()
        a:send("world")
        assert.equal("world", reader:join())
        a:close()
        assert.same(results(nil, "closed", "", "EOF"), pack(b:receive_some()))
        b:close()
      end)
    end)
  end)

  describe("connection:receive_until" .. name, function()
    it("finds patterns and plain texts, and leaves what follows", function()
      run(function()
        local a, b = make()
        a:send("key=value;%d+;rest")
        assert.same(results("key", "="), pack(b:receive_until("=")))
        assert.same(results("value", ";"), pack(b:receive_until(";", true)))
        assert.same(results("", "%d+"), pack(b:receive_until("%d+", true)))
        assert.same(results(";re", "s"), pack(b:receive_until("[rs]*s")))
        a:close()
        assert.equal("t", b:receive("*a"))
        b:close()
      end)
    end)

    it("finds what comes in pieces", function()
      run(function()
        local a, b = make()
        local reader = tl.spawn(function() return b:receive_until("--end--", true) end)
        for _, piece in ipairs { "body-", "-en", "d-", "-next" } do
          a:send(piece)
          turns()
        end
        assert.same(results("body", "--end--"), pack(reader:join()))
        a:close()
        assert.equal("next", b:receive("*a"))
        b:close()
      end)
    end)

    it("gives what had come when there is no match", function()
      run(function()
        local a, b = make()
        a:send("abc")
        b:settimeout(0.01)
        assert.same(results(nil, "timeout", "abc", "ETIMEDOUT"), pack(b:receive_until("x")))
        a:send("def")
        a:close()
        assert.same(results(nil, "closed", "def", "EOF"), pack(b:receive_until("x")))
        b:close()
      end)
    end)

    it("looks through no more than receive_limit", function()
      run(function()
        local a, b = make { receive_limit = 100 }
        a:send(("y"):rep(500))
        local data, err, partial, code = b:receive_until("x")
        assert.same({ nil, "longer than receive_limit", "EMSGSIZE" }, { data, err, code })
        assert.is_true(#partial >= 100)
        a:close()
        b:close()
      end)
    end)
  end)

  describe("connection:receive_into" .. name, function()
    it("appends to a string.buffer", function()
      run(function()
        local a, b = make()
        local into = buffer.new():put("<")
        a:send("hello")
        assert.equal(2, b:receive_into(into, 2))
        assert.equal(3, b:receive_into(into))
        assert.equal("<hello", into:tostring())
        local reader = tl.spawn(function() return b:receive_into(into) end)
        turns()
        a:send("!")
        assert.equal(1, reader:join())
        a:close()
        assert.same(results(nil, "closed", "", "EOF"), pack(b:receive_into(into)))
        assert.equal("<hello!", into:get())
        b:close()
      end)
    end)

    it("takes over what other verbs left", function()
      run(function()
        local a, b = make()
        a:send("line\nrest")
        assert.equal("line", b:receive())
        local into = buffer.new()
        assert.equal(4, b:receive_into(into))
        assert.equal("rest", into:get())
        a:close()
        b:close()
      end)
    end)
  end)

  describe("connection:lines" .. name, function()
    it("iterates until the end, a last one without LF too", function()
      run(function()
        local a, b = make()
        a:send("one\n\ntwo\r\nthree")
        a:close()
        local list = {}
        for line in b:lines() do list[#list + 1] = line end
        assert.same({ "one", "", "two", "three" }, list)
        b:close()
      end)
    end)

    it("ends when the peer resets, which receive tells apart", function()
      run(function()
        local a, b = make()
        a:abort()
        for _ in b:lines() do error("a line") end
        assert.same({ nil, "closed", "", "ECONNRESET" }, { b:receive() })
        assert.same({ nil, "closed", 0, "ECONNRESET" }, { b:send("x") })
        b:close()
      end)
    end)

    it("raises a timeout", function()
      run(function()
        local a, b = make()
        b:settimeout(0.01)
        local ok, message = pcall(function() for _ in b:lines() do error("a line") end end)
        assert.is_false(ok)
        assert.truthy(message:find("connection:lines: timeout (ETIMEDOUT)", 1, true), message)
        a:close()
        b:close()
      end)
    end)
  end)

  describe("a reader" .. name, function()
    it("that a fast peer feeds leaves the others their turn", function()
      run(function()
        local a, b = make()
        local ticks, stop = 0, false
        local ticker = tl.every(0.001, function() ticks = ticks + 1 end)
        local feeder = tl.spawn(function()
          local piece = ("x"):rep(262144)
          while not stop and a:send(piece) do end
        end)
        local ends = tl.now() + 0.1
        while tl.now() < ends do assert(b:receive(100)) end
        stop = true
        assert.is_true(ticks > 5, ticks)
        ticker:cancel()
        feeder:cancel()
        a:abort()
        b:close()
      end)
    end)

    it("whose time was over does not keep the loop running", function()
      local r = support.run(([[local tl = require "timerlua"
        local kept = {}
        local l = tl.listen("127.0.0.1:0", function(c)
          c:settimeout(0.01)
          kept[#kept + 1] = c
          print((select(2, c:receive())))
          print(tl.timeout(0.01, c.receive, c))
        end, { autoclose = false, edge = %s })
        kept[1] = tl.connect(l:sock())
        tl.sleep(0.05)
        l:close() ]]):format(tostring(mode.edge)))
      assert.equal("timeout\nnil\ttimeout\tETIMEDOUT\n", r.out)
      assert.same({ "", 0 }, { r.err, r.code })
    end)
  end)

  describe("connection:send" .. name, function()
    it("takes strings, ranges, numbers, buffers and lists; returns the last index", function()
      run(function()
        local a, b = make()
        local list = {
          a:send("hello,"), a:send("abcdef", 3), a:send("abcdef", 2, 3),
          a:send("abcdef", -2), a:send("abcdef", -4, -3), a:send("abc", 0, 99),
          a:send("abc", 5), a:send("abc", 3, 2), a:send(""), a:send(12.5),
          a:send(buffer.new():put("buf\0")), a:send { "p", 1, buffer.new():put("q"), "" },
        }
        assert.same({ 6, 6, 3, 6, 4, 3, 4, 2, 0, 4, 4, 3 }, list)
        a:close()
        assert.equal("hello,cdefbcefcdabc12.5buf\0p1q", b:receive("*a"))
        b:close()
      end)
    end)

    it("refuses what is none, at the caller's line", function()
      run(function()
        local a, b = make()
        for _, value in ipairs { true, print } do
          local ok, message = pcall(loadstring("local c, v = ... c:send(v)", "=x"), a, value)
          assert.is_false(ok)
          assert.truthy(message:find("^x:1: timerlua.connection:send: what is sent must be "),
            message)
        end
        a:close()
        b:close()
      end)
    end)

    it("waits above the high-water mark until the low one is reached", function()
      run(function()
        local a, b = make { high = 100000, low = 20000, sndbuf = 4096, rcvbuf = 4096 }
        local sent, most = 0, 0
        local writer = tl.spawn(function()
          for _ = 1, 200 do
            assert(a:send(("x"):rep(10000)))
            sent = sent + 10000
            most = math.max(most, (a:queued()))
          end
          a:close()
        end)
        tl.sleep(0.02)
        assert.equal("waiting", writer.status)
        local stuck = sent
        turns(10)
        assert.equal(stuck, sent)
        local queued, above = a:queued()
        assert.is_true(above)
        assert.is_true(queued > 100000 and queued <= 110000, queued)
        assert.same(results(nil, "busy", 0, "EBUSY"), pack(a:send("y")))
        assert.is_true(b:receive("*a") == ("x"):rep(2000000))
        writer:join()
        assert.is_true(most <= 110000, most)
        b:close()
      end)
    end)

    it("times out there with what it took, and goes on later", function()
      run(function()
        local a, b = make { high = 1000, sndbuf = 4096, rcvbuf = 4096 }
        a:settimeout(0.01)
        local data = pattern_of(8 * 2 ^ 20)
        assert.same(results(nil, "timeout", #data, "ETIMEDOUT"), pack(a:send(data)))
        local reader = tl.spawn(function() return b:receive(#data) end)
        a:settimeout()
        assert.equal(true, a:flush())
        assert.is_true(reader:join() == data)
        assert.same({ 0, false }, { a:queued() })
        a:close()
        b:close()
      end)
    end)

    it("takes nothing above the limit: ENOBUFS", function()
      run(function()
        local a, b = make { limit = 1000 }
        assert.same(results(nil, "the queue's limit is reached", 0, "ENOBUFS"),
          pack(a:send(("x"):rep(1001))))
        assert.equal(600, a:send(("x"):rep(600)))
        assert.same(results(nil, "the queue's limit is reached", 0, "ENOBUFS"),
          pack(a:send(("y"):rep(401))))
        assert.equal(400, a:send(("z"):rep(400)))
        assert.same({ 1000, false }, { a:queued() })
        a:close()
        assert.is_true(b:receive("*a") == ("x"):rep(600) .. ("z"):rep(400))
        b:close()
      end)
    end)

    it("sends many parts in one call to the kernel", function()
      run(function()
        local a, b = make()
        local before = sockets.stats().sends
        for _ = 1, 100 do a:send("x") end
        assert.equal(before, sockets.stats().sends)
        assert.is_true(a:flush())
        assert.equal(before + 1, sockets.stats().sends)
        assert.equal(("x"):rep(100), b:receive(100))
        a:close()
        b:close()
      end)
    end)
  end)

  describe("connection:close" .. name, function()
    it("is harmless when repeated; then everything is closed and empty", function()
      run(function()
        local a, b = make()
        local peer = a:peer()
        assert.is_false(a:closed())
        assert.same({ true, true }, { a:close(), a:close() })
        assert.is_true(a:closed())
        assert.same(results(nil, "closed", "", "EBADF"), pack(a:receive()))
        assert.same(results(nil, "closed", "", "EBADF"), pack(a:receive_some()))
        assert.same(results(nil, "closed", "", "EBADF"), pack(a:receive_until("x")))
        assert.same(results(nil, "closed", "", "EBADF"), pack(a:receive_into(buffer.new())))
        assert.same(results(nil, "closed", 0, "EBADF"), pack(a:send("x")))
        assert.same(results(nil, "closed", 0, "EBADF"), pack(a:send { "x" }))
        assert.same(results(nil, "closed", "EBADF"), pack(a:flush()))
        assert.same(results(nil, "closed", "EBADF"), pack(a:shutdown()))
        assert.same(results(nil, "closed", "EBADF"), pack(a:setoption("nodelay", true)))
        assert.same(results(nil, "closed", "EBADF"), pack(a:getoption("nodelay")))
        assert.same(results(nil, "closed"), pack(a:getsockname()))
        assert.same(results(nil), pack(a:fileno()))
        assert.same({ 0, false }, { a:queued() })
        assert.equal(0, a:abort())
        assert.equal(1, a:settimeout(1))
        assert.equal(a, a:pause():resume():ref():unref())
        assert.equal("timerlua.Connection: closed", tostring(a))
        assert.truthy(peer)
        b:close()
      end)
    end)

    it("wakes who receives and who waits to send", function()
      run(function()
        local a, b = make { high = 1000, sndbuf = 4096, rcvbuf = 4096 }
        local reader = tl.spawn(function() return a:receive() end)
        local writer = tl.spawn(function() return a:send(("x"):rep(8 * 2 ^ 20)) end)
        tl.sleep(0.005)
        a:abort()
        assert.same(results(nil, "closed", "", "EBADF"), pack(reader:join()))
        assert.same(results(nil, "closed", 8 * 2 ^ 20, "EBADF"), pack(writer:join()))
        b:close()
      end)
    end)

    it("sends first what is queued, however much", function()
      run(function()
        local a, b = make()
        local text = pattern_of(4 * 2 ^ 20)
        a:settimeout(0)
        a:send(text)
        a:close()
        assert.is_true(a:closed())
        assert.is_true(b:receive("*a") == text)
        b:close()
        turns(10)
      end)
    end)

    it("does not reset the connection though bytes came that nobody read", function()
      run(function()
        local a, b = make()
        b:send("unread")
        turns()
        a:send("bye")
        a:close()
        assert.same(results("bye"), pack(b:receive("*a")))
        b:close()
      end)
    end)

    it("gives up what is queued after close_timeout", function()
      run(function()
        local a, b = make { close_timeout = 0.02, sndbuf = 4096, rcvbuf = 4096 }
        local unsent = sockets.stats().unsent
        a:settimeout(0)
        a:send(("x"):rep(8 * 2 ^ 20))
        a:close()
        tl.sleep(0.05)
        assert.is_true(sockets.stats().unsent > unsent)
        local _, err, _, code = b:receive("*a")
        assert.same({ "closed", "ECONNRESET" }, { err, code })
        b:close()
      end)
    end)

    it("abort drops what is queued, and the peer sees a reset", function()
      run(function()
        local a, b = make { sndbuf = 4096, rcvbuf = 4096 }
        a:settimeout(0)
        a:send(("x"):rep(8 * 2 ^ 20))
        local queued = a:queued()
        assert.equal(queued, a:abort())
        local _, err, _, code = b:receive("*a")
        assert.same({ "closed", "ECONNRESET" }, { err, code })
        b:close()
      end)
    end)

    it("comes by itself when a connection is garbage", function()
      run(function()
        local a, b = make()
        a:send("last words")
        a:flush()
        a = nil
        support.collect()
        assert.is_nil(a)
        assert.equal("last words", b:receive("*a"))
        b:close()
      end)
    end)
  end)

  describe("connection:shutdown" .. name, function()
    it("ends sending after what is queued; receiving goes on", function()
      run(function()
        local a, b = make()
        a:send("question")
        assert.same(results(true), pack(a:shutdown("send")))
        assert.same(results(nil, "shut down already", "EALREADY"), pack(a:shutdown("send")))
        assert.same(results(nil, "closed", 0, "EPIPE"), pack(a:send("more")))
        assert.equal("question", b:receive("*a"))
        b:send("answer")
        b:close()
        assert.equal("answer", a:receive("*a"))
        a:close()
      end)
    end)

    it("waits until the queue is empty", function()
      run(function()
        local a, b = make()
        local text = pattern_of(4 * 2 ^ 20)
        local reader = tl.spawn(function() return b:receive("*a") end)
        a:settimeout(0)
        a:send(text)
        a:settimeout()
        assert.equal(true, a:shutdown("send"))
        assert.same({ 0, false }, { a:queued() })
        assert.is_true(reader:join() == text)
        a:close()
        b:close()
      end)
    end)

    it("ends receiving, and wakes who waits there", function()
      run(function()
        local a, b = make()
        local reader = tl.spawn(function() return a:receive() end)
        turns()
        assert.equal(true, a:shutdown("receive"))
        assert.same(results(nil, "closed", "", "EOF"), pack(reader:join()))
        assert.equal(2, a:send("ok"))
        a:close()
        assert.equal("ok", b:receive("*a"))
        b:close()
      end)
    end)

    it("ends both when not told which", function()
      run(function()
        local a, b = make()
        a:send("x")
        assert.equal(true, a:shutdown())
        assert.equal("x", b:receive("*a"))
        assert.same(results(nil, "closed", "", "EOF"), pack(a:receive()))
        a:close()
        b:close()
      end)
    end)

    it("refuses to end anything else", function()
      run(function()
        local a, b = make()
        local ok, message = pcall(loadstring("(...):shutdown('x')", "=x"), a)
        assert.is_false(ok)
        assert.equal('x:1: timerlua.connection:shutdown: how must be "send", "receive" or '
          .. '"both", got "x"', message)
        a:close()
        b:close()
      end)
    end)
  end)

  describe("a wait on a connection" .. name, function()
    it("is reached by tl.timeout, and no byte is lost", function()
      run(function()
        local a, b = make()
        a:send("abc")
        assert.same(results(nil, "timeout", "ETIMEDOUT"),
          pack(tl.timeout(0.01, b.receive, b, 10)))
        a:send("def")
        assert.equal("abcdef", b:receive(6))
        a:close()
        b:close()
      end)
    end)

    it("is reached by cancel, and no byte is lost", function()
      run(function()
        local a, b = make()
        for _, first in ipairs { "send", "cancel" } do
          local reader = tl.spawn(function() return b:receive(4) end)
          turns(2)
          a:send("ab")
          a:flush()
          turns(2)
          if first == "send" then a:send("cd") a:flush() end
          reader:cancel()
          if first == "cancel" then a:send("cd") a:flush() end
          assert.same(results(nil, "join: task cancelled", "ECANCELED"), pack(reader:join()))
          assert.equal("abcd", b:receive(4))
        end
        a:close()
        b:close()
      end)
    end)

    it("ended in the turn in which bytes come loses none of them", function()
      run(function()
        local a, b = make()
        local reference, got = {}, {}
        for i = 1, 300 do
          local text = ("<%d>"):format(i)
          reference[i] = text
          local reader = tl.spawn(function() got[#got + 1] = b:receive(1) end)
          turns(i % 3)
          a:send(text)
          if i % 2 == 0 then a:flush() end
          if i % 5 == 0 then turns(1) end
          reader:cancel()
        end
        a:close()
        turns(2)
        local rest = b:receive("*a")
        assert.equal(table.concat(reference), table.concat(got) .. rest)
        b:close()
      end)
    end)

    it("ends and leaves the sender usable", function()
      run(function()
        local a, b = make { high = 1000, sndbuf = 4096, rcvbuf = 4096 }
        local text = pattern_of(4 * 2 ^ 20)
        assert.same(results(nil, "timeout", "ETIMEDOUT"),
          pack(tl.timeout(0.01, a.send, a, text)))
        local flusher = tl.spawn(function() return a:flush() end)
        turns(2)
        flusher:cancel()
        turns(2)
        local reader = tl.spawn(function() return b:receive(#text + 4) end)
        assert.equal(4, a:send("more"))
        assert.equal(true, a:flush())
        assert.is_true(reader:join() == text .. "more")
        a:close()
        b:close()
      end)
    end)
  end)

  describe("a connection" .. name, function()
    it("knows its own and its peer's address", function()
      run(function()
        local a, b = make()
        assert.equal(a:peer(), b:sock())
        assert.equal(b:peer(), a:sock())
        local ip, port = a:getpeername()
        assert.equal(a:peer(), ip .. ":" .. port)
        assert.same({ a:getsockname() }, { b:getpeername() })
        assert.equal("number", type(a:fileno()))
        local peer_of_a, peer_of_b = a:peer(), b:peer()
        a:abort()
        b:receive()
        assert.equal(peer_of_b, b:peer())
        assert.truthy(peer_of_a)
        b:close()
      end)
    end)

    it("keeps its peer's address after the peer is gone", function()
      run(function()
        local a, b = make()
        local peer = a:peer()
        b:abort()
        a:receive()
        assert.equal(peer, a:peer())
        assert.equal(peer, table.concat({ a:getpeername() }, ":"))
        a:close()
      end)
    end)

    it("counts its bytes", function()
      run(function()
        local a, b = make()
        a:send("hello")
        a:flush()
        b:receive(2)
        assert.equal(5, a:stats().sent)
        assert.same({ received = 5, sent = 0, queued = 0, buffered = 3 }, b:stats())
        a:close()
        b:close()
      end)
    end)

    it("has TCP_NODELAY on both sides unless told otherwise", function()
      run(function()
        for _, nodelay in ipairs { true, false } do
          local a, b = make { nodelay = nodelay }
          assert.same({ nodelay, nodelay }, { a:getoption("nodelay"), b:getoption("nodelay") })
          a:close()
          b:close()
        end
        local a, b = make()
        assert.same({ true, true }, { a:getoption("nodelay"), b:getoption("nodelay") })
        a:close()
        b:close()
      end)
    end)

    it("has its options set and read back", function()
      run(function()
        local a, b = make { keepalive = 77, linger = 5, ttl = 33 }
        assert.same({ 77, 5, 33 },
          { a:getoption("keepalive"), a:getoption("linger"), a:getoption("ttl") })
        assert.same({ 77, 5, 33 },
          { b:getoption("keepalive"), b:getoption("linger"), b:getoption("ttl") })
        for option, value in pairs { nodelay = false, cork = true, keepalive = 99,
          linger = 0, ttl = 12 } do
          assert.same(results(true), pack(a:setoption(option, value)))
          assert.equal(value, a:getoption(option))
        end
        for option, value in pairs { keepalive = false, linger = false, cork = false } do
          assert.equal(true, a:setoption(option, value))
          assert.equal(value, a:getoption(option))
        end
        assert.equal(true, a:setoption("sndbuf", 10000))
        assert.is_true(a:getoption("sndbuf") >= 10000)
        local ok, message = pcall(loadstring("(...):setoption('ttl', 0)", "=x"), a)
        assert.is_false(ok)
        assert.equal("x:1: timerlua.connection:setoption: option ttl must be a whole number "
          .. "from 1 to 255, got 0", message)
        ok, message = pcall(loadstring("(...):getoption('colour')", "=x"), a)
        assert.is_false(ok)
        assert.truthy(message:find("^x:1: timerlua.connection:getoption: "), message)
        a:close()
        b:close()
      end)
    end)

    it("holds bytes back while it is corked", function()
      run(function()
        local a, b = make()
        assert.equal(true, a:cork())
        a:send("head")
        a:flush()
        a:send("body")
        b:settimeout(0.02)
        assert.same(results(nil, "timeout", "", "ETIMEDOUT"), pack(b:receive_some()))
        assert.equal(true, a:uncork())
        b:settimeout()
        assert.equal("headbody", b:receive(8))
        a:close()
        b:close()
      end)
    end)

    it("refuses to be called as anything else", function()
      run(function()
        local a, b = make()
        local ok, message = pcall(loadstring("(...).receive()", "=x"), a)
        assert.is_false(ok)
        assert.equal("x:1: timerlua.connection:receive: it must be called on a connection, "
          .. "as connection:receive(), got nil", message)
        a:close()
        b:close()
      end)
    end)

    it("over a Unix socket does the same", function()
      run(function()
        local path = os.tmpname()
        os.remove(path)
        local a, b = make({}, "unix:" .. path)
        local text = pattern_of(2 ^ 20)
        local writer = tl.spawn(function() assert(a:send(text .. "\n")) a:close() end)
        assert.is_true(b:receive() == text)
        assert.same(results(nil, "closed", "", "EOF"), pack(b:receive()))
        writer:join()
        assert.equal("unix:" .. path, b:peer())
        assert.same(results(nil, "operation not supported", "EOPNOTSUPP"),
          pack(b:getoption("nodelay")))
        b:close()
      end)
    end)
  end)

  describe("a connection with callbacks" .. name, function()
    -- A listener with these callbacks, and a client that waits.
    local function flowing(callbacks, opts)
      local all = { edge = mode.edge }
      for key, value in pairs(opts or {}) do all[key] = value end
      for key, fn in pairs(callbacks) do callbacks[key] = sockets.collecting(fn) end
      local listener = assert(tl.listen("127.0.0.1:0", callbacks, all))
      local client = assert(tl.connect(listener:sock(), { edge = mode.edge }))
      return client, listener
    end

    it("has drain called once for each time above the high-water mark", function()
      run(function()
        local drained, log, conn = 0, {}, nil
        local client, listener = flowing({
          open = function(c)
            conn = c
            for _ = 1, 100 do log[#log + 1] = c:send(("x"):rep(100000)) end
            log[#log + 1] = select(2, c:queued())
          end,
          drain = function(c)
            drained = drained + 1
            log[#log + 1] = c:queued() <= 25000
          end,
        }, { high = 100000, low = 25000, sndbuf = 65536 })
        assert.is_true(client:receive(10000000) == ("x"):rep(10000000))
        till(function() return drained > 0 end, "drain")
        turns()
        assert.equal(1, drained)
        assert.equal(102, #log)
        assert.same({ 100000, true, true }, { log[100], log[101], log[102] })
        conn:send("y") -- not above
        assert.equal("y", client:receive(1))
        assert.equal(1, drained)
        conn:send(("z"):rep(10000000))
        client:receive(10000000)
        till(function() return drained > 1 end, "drain")
        turns()
        assert.equal(2, drained)
        client:close()
        listener:close()
        turns(10)
      end)
    end)

    it("is given no data while it is paused, and all of it afterwards", function()
      run(function()
        local got, conn = {}, nil
        local client, listener = flowing {
          open = function(c) conn = c end,
          data = function(c, bytes)
            got[#got + 1] = bytes
            c:pause()
          end,
        }
        client:send("one")
        till(function() return #got == 1 end)
        client:send("two")
        client:flush()
        turns(10)
        assert.same({ "one" }, got)
        conn:resume()
        till(function() return #got == 2 end)
        client:send("three")
        client:close()
        turns(10)
        assert.same({ "one", "two" }, got)
        conn:resume()
        till(function() return #got == 3 and conn:closed() or conn:resume() and nil end)
        assert.same({ "one", "two", "three" }, got)
        listener:close()
      end)
    end)

    it("does not have the poller spin while it is paused", function()
      run(function()
        local conn
        local client, listener = flowing {
          open = function(c) conn = c:pause() end, data = function() end,
        }
        client:send("waits in the kernel")
        client:flush()
        till(function() return conn end)
        turns()
        local waits = sockets.stats().waits
        tl.sleep(0.05)
        assert.is_true(sockets.stats().waits - waits <= 3, sockets.stats().waits - waits)
        conn:close()
        client:close()
        listener:close()
      end)
    end)

    it("refuses receive with busy", function()
      run(function()
        local result
        local client, listener = flowing {
          open = function(c) result = pack(c:receive()) end,
        }
        till(function() return result end)
        assert.same(results(nil, "busy", "", "EBUSY"), result)
        client:close()
        listener:close()
        turns()
      end)
    end)
  end)
end

describe("the program with connections", function()
  local PRELUDE = [[
local tl = require "timerlua"
local accepted
local listener = tl.listen("127.0.0.1:0", function(c) accepted = c end, { autoclose = false })
local conn = tl.connect(listener:sock())
while not accepted do tl.sleep(0) end
listener:close()
]]

  local function run_script(code)
    return support.run({ "-e", PRELUDE .. code }, { timeout = 10 })
  end

  local function ends_with(out, code)
    local r = run_script(code)
    assert.equal("", r.err)
    assert.equal(out, r.out)
    assert.equal(0, r.code)
  end

  it("ends when only connections are left that nobody waits for", function()
    ends_with("end", [[io.write("end")]])
  end)

  it("goes on while a task waits for one, and ends after that", function()
    ends_with("hello", [[
      tl.spawn(function() io.write(conn:receive()) end)
      tl.after(0.02, function() accepted:send("hello\n") end)]])
  end)

  it("does not wait for one that is not referenced", function()
    ends_with("", [[
      listener = tl.listen("127.0.0.1:0", function(c) accepted = c end,
        { autoclose = false }):unref()
      tl.connect(listener:sock(), { handler = { data = print } }):unref()
      tl.sleep(0.01)]])
  end)

  it("waits for one that is referenced again", function()
    ends_with("hello", [[
      conn:unref():ref()
      tl.spawn(function() io.write(conn:receive()) end)
      tl.after(0.02, function() accepted:send("hello\n") end):unref()]])
  end)

  it("ends only when what was queued at the end has been sent", function()
    ends_with("8388608", [[
      tl.spawn(function() io.write(#conn:receive("*a")) end)
      accepted:settimeout(0)
      accepted:send(("x"):rep(8 * 2 ^ 20))
      accepted:close()]])
  end)

  it("sends what the main chunk queued last", function()
    ends_with("bye", [[
      tl.spawn(function() io.write(conn:receive(3)) end)
      accepted:send("bye")]])
  end)

  it("gives back the memory of its queue", function()
    ends_with("true", [[
      local text = ("x"):rep(2 ^ 20)
      for i = 1, 20 do
        accepted:send(text)
        conn:receive(#text)
      end
      io.write(tostring(conn:stats().buffered == 0 and accepted:queued() == 0))]])
  end)
end)

describe("the main chunk of a plain luajit", function()
  local function luajit(code)
    local path = support.temporary(code)
    local r = support.shell((support.sanitized and
      'LD_PRELOAD="$SANITIZER_PRELOAD" ' or "") .. "luajit " .. path, { timeout = 20 })
    os.remove(path)
    return r
  end

  it("may connect, send, receive and time out", function()
    local r = luajit [[
      local tl = require "timerlua"
      local listener = tl.listen("127.0.0.1:0", function(c)
        for line in c:lines() do c:send(line:upper() .. "\n") end
      end)
      local c = assert(tl.connect(listener:sock()))
      c:send("one\ntwo\n")
      print(c:receive(), c:receive())
      c:settimeout(0.01)
      print(c:receive())
      print(tl.timeout(0.01, function() c:settimeout() return c:receive() end))
      c:send("three\n")
      print(c:receive())
      c:close()
      listener:close()
      tl.run()]]
    assert.equal("", r.err)
    assert.equal("ONE\tTWO\nnil\ttimeout\t\tETIMEDOUT\nnil\ttimeout\tETIMEDOUT\nTHREE\n", r.out)
    assert.equal(0, r.code)
  end)

  it("is told when the loop ends before bytes come", function()
    local r = luajit [[
      local tl = require "timerlua"
      local accepted
      local listener = tl.listen("127.0.0.1:0", function(c) accepted = c end,
        { autoclose = false })
      local c = assert(tl.connect(listener:sock()))
      tl.after(0.01, tl.stop)
      print(c:receive())]]
    assert.equal("", r.err)
    assert.equal("nil\tthe loop ended\t\tECANCELED\n", r.out)
    assert.equal(0, r.code)
  end)
end)
