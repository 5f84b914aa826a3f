-- Connections with callbacks; in a program, and in the main chunk of a plain
-- luajit.
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

local run, turns, till = sockets.run, sockets.turns, sockets.till
local pack, results = sockets.pack, sockets.pack -- of a call; the expected ones

sockets.in_both_modes(function(name, _, edge)
  describe("a connection with callbacks" .. name, function()
    -- A listener with these callbacks, and a client that waits.
    local function flowing(callbacks, opts)
      local all = { edge = edge }
      for key, value in pairs(opts or {}) do all[key] = value end
      for key, fn in pairs(callbacks) do callbacks[key] = sockets.collecting(fn) end
      local listener = assert(tl.listen("127.0.0.1:0", callbacks, all))
      local client = assert(tl.connect(listener:sock(), { edge = edge }))
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

    it("gets no data while it is paused, and all of it afterwards", function()
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
end)

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

  it("ends when only connections are left that no task waits for", function()
    ends_with("end", [[io.write("end")]])
  end)

  it("goes on while a task waits for a connection, and ends after that", function()
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

  it("waits for a connection that is referenced again", function()
    ends_with("hello", [[
      conn:unref():ref()
      tl.spawn(function() io.write(conn:receive()) end)
      tl.after(0.02, function() accepted:send("hello\n") end):unref()]])
  end)

  it("ends only when the bytes queued at the end have been sent", function()
    ends_with("8388608", [[
      tl.spawn(function() io.write(#conn:receive("*a")) end)
      accepted:settimeout(0)
      accepted:send(("x"):rep(8 * 2 ^ 20))
      accepted:close()]])
  end)

  it("sends the bytes that the main chunk queued last", function()
    ends_with("bye", [[
      tl.spawn(function() io.write(conn:receive(3)) end)
      accepted:send("bye")]])
  end)

  it("releases the memory of its queue", function()
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

  it("gets an error when the loop ends before bytes come", function()
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
