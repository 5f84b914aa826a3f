-- A descriptor's number that is reused while events of the old one are in progress.
local ffi = require "ffi"
local sockets = require "tests.support.sockets"
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

for _, edge in ipairs { false, true } do
  local mode = edge and " (edge)" or ""

  describe("D22: a descriptor's number used again" .. mode, function()
    it("within a batch gives the new connection no events of the old one", function()
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
end
