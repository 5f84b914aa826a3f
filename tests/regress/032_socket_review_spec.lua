-- Found by reading the first version of the sockets, each by the script here.
local support = require "tests.support"

local function says(expected, code, options)
  local r = support.run('local tl = require "timerlua"\n' .. code, options)
  assert.equal("", r.err)
  assert.equal(expected, r.out)
  assert.equal(0, r.code)
end

describe("a connection that ends with its peer", function()
  it("waited for ever with bytes that nobody reads, whatever close_timeout", function()
    says("nil\tETIMEDOUT\n", [[
      local l
      l = tl.listen("127.0.0.1:0", {
        open = function(c) c:send(("x"):rep(2e7)) end,
        close = function(c, message, code) print(nil, code) l:close() end,
      }, { close_timeout = 0.05 })
      local c = tl.connect(l:sock())
      c:shutdown("send")
      while l.connections > 0 or not c do tl.sleep(0.01) end]], { timeout = 10 })
  end)
end)

describe("a writer that is woken", function()
  it("was told timeout, or busy, when somebody else had filled the queue again", function()
    says("done\tdone\n4000000\n", [[
      local l = tl.listen("127.0.0.1:0", function(c)
        while c:receive_some(20000) do tl.sleep(0) end
      end)
      local c = tl.connect(l:sock(), { timeout = 60, sndbuf = 20000, high = 1000 })
      local piece = ("x"):rep(100000)
      local function write()
        for _ = 1, 20 do
          local ok, err = c:send(piece)
          while err == "busy" do tl.sleep(0) ok, err = c:send(piece) end
          if not ok then return err end
        end
        return "done"
      end
      local a, b = tl.spawn(write), tl.spawn(write)
      print(a:join(), b:join())
      c:flush()
      print(c:stats().sent)
      c:abort() l:close()]], { timeout = 20 })
  end)
end)

describe("an inherited descriptor", function()
  it("could be one that another socket of the script had", function()
    says("EEXIST\tEEXIST\tEEXIST\nstill there\n", [[
      local l = tl.listen("127.0.0.1:0", function(c) c:send("still there") end)
      local c, u = tl.connect(l:sock()), tl.udp("127.0.0.1:0")
      print((select(3, tl.listen("fd:" .. l:fileno(), print))),
        (select(3, tl.connect("fd:" .. c:fileno()))), (select(3, tl.udp("fd:" .. u:fileno()))))
      print(c:receive("*a"))
      c:close() l:close() u:close()]])
  end)
end)

describe("a datagram from a string.buffer", function()
  it("was read from freed memory when it had to wait", function()
    says("good\n", [[
      local path = os.tmpname()
      os.remove(path)
      local to, from = tl.udp("unix:" .. path), tl.udp("unix:")
      local buffer = require("string.buffer").new()
      from:settimeout(0)
      repeat until not from:send("full", "unix:" .. path)
      from:settimeout(5)
      tl.spawn(function()
        buffer:put("good")
        from:send(buffer, "unix:" .. path)
      end)
      tl.sleep(0)
      buffer:reset() buffer:put("evil")
      local last
      to:settimeout(0.2)
      while true do
        local data = to:receive()
        if not data then break end
        last = data
      end
      print(last)
      to:close() from:close()]])
  end)
end)

describe("many watches whose descriptors were closed behind our back", function()
  it("overran the batch when a thousand timers came due with them", function()
    says("1340\n", [[
      local ffi = require "ffi"
      ffi.cdef "int eventfd(unsigned, int); int close(int); int dup(int);"
      local told, watches = 0, {}
      for i = 1, 1340 do
        local fd = ffi.C.eventfd(0, 0)
        watches[i] = tl.watch(fd, "r", function(w) told = told + 1 w:cancel() end)
      end
      local orphan = ffi.C.eventfd(0, 0)
      tl.watch(orphan, "w", function() end):cancel()
      local lost = tl.watch(ffi.C.eventfd(1, 0), "w", function() end)
      ffi.C.dup(lost.fd)
      ffi.C.close(lost.fd)
      lost:cancel()
      for i = 1, 1340 do ffi.C.close(watches[i].fd) end
      for _ = 1, 1100 do tl.after(0.01, function() end) end
      tl.sleep(0.05)
      print(told)]], { before = "ulimit -n 4096; ", timeout = 20 })
  end)
end)

describe("misuse", function()
  it("was an internal error", function()
    for code, message in pairs {
      ["tl.connect(nil)"] = "timerlua.connect: address must be a text",
      ["tl.udp({})"] = "timerlua.udp: address must be a text",
      ["c.cork()"] = "timerlua.connection:cork: it must be called on a connection",
      ['c:receive_until("[")'] = "timerlua.connection:receive_until: pattern must be well-formed",
      ['c:send({ "ok", {} })'] = "timerlua.connection:send: part 2 must be a string",
      ['c:send("abc", 0/0)'] = "timerlua.connection:send: i and j must be numbers",
      ['c:send({ "a" }, 2)'] = "timerlua.connection:send: i and j go with a string only",
    } do
      local r = support.run(([[local tl = require "timerlua"
        local l = tl.listen("127.0.0.1:0", function(conn) print(conn:receive("*a")) end)
        local c = tl.connect(l:sock())
        print(pcall(function() %s end))
        c:close() l:close()]]):format(code))
      assert.truthy(r.out:find(message, 1, true), code .. ": " .. r.out .. r.err)
      assert.falsy(r.out:find("ok", 1, true), r.out)
    end
  end)
end)
