-- A descriptor for which a task had once waited could not be watched any more:
-- "file exists". And a watch whose callback waited for its own descriptor ended.
local fds = require "tests.support.descriptors"
local select = require "timerlua.select"
local socket = require "timerlua.socket"
local sockets = require "tests.support.sockets"
local timerfd = require "timerlua.timerfd"
local tl = require "timerlua"

-- Watch an object until it is ready.
local function watched(object)
  local ready
  local watch = assert(tl.watch(object, "r", function(w)
    ready = true
    w:cancel()
  end))
  sockets.till(function() return ready end, "the watch")
  assert.is_false(watch:cancel())
end

describe("tl.watch", function()
  it("takes a timer descriptor that a task has read", function()
    sockets.run(function()
      local t = assert(timerfd.create(timerfd.CLOCK_MONOTONIC))
      t:settime{ initial = 0.001, interval = 0.001 }
      assert.is_true(t:read() >= 1)
      watched(t)
      assert.is_true(t:read() >= 1)
      t:close()
    end)
  end)

  it("takes epoll, devpoll and kqueue objects and sockets for which tasks have waited", function()
    sockets.run(function()
      local a, b = assert(socket.socketpair())
      local ep, dp, kq = assert(select.epoll()), assert(select.devpoll()), assert(select.kqueue())
      ep:register(a, select.EPOLLIN)
      dp:register(a, select.POLLIN)
      kq:control({ select.kevent(a) }, 0)
      assert.same({}, ep:poll(0.001))
      assert.same({}, dp:poll(1))
      assert.same({}, kq:control(nil, 1, 0.001))
      a:settimeout(0.001)
      assert.equal("ETIMEDOUT", _G.select(3, a:recv(1)))
      b:send("x")
      for _, object in ipairs { a, ep, dp, kq } do watched(object) end
      assert.equal("x", a:recv(1))
      for _, object in ipairs { a, b, ep, dp, kq } do object:close() end
    end)
  end)

  it("and a task that waits already are both served", function()
    sockets.run(function()
      local r, w = fds.pipe()
      local ep = assert(select.epoll())
      ep:register(r, select.EPOLLIN)
      local task = tl.spawn(function() return ep:poll() end)
      tl.sleep(0)
      local ready
      local watch = assert(tl.watch(ep, "r", function(self)
        ready = true
        self:cancel()
      end))
      sockets.turns(3)
      assert.equal("waiting", task.status)
      fds.put(w)
      assert.same({ { r, select.EPOLLIN } }, task:join())
      sockets.till(function() return ready end, "the watch")
      watch:cancel()
      ep:close()
      fds.close(r, w)
    end)
  end)

  it("goes on although its callback waits for the same descriptor", function()
    sockets.run(function()
      local t = assert(timerfd.create(timerfd.CLOCK_MONOTONIC))
      t:settime{ initial = 0.001, interval = 0.001 }
      local calls, told = 0, nil
      local watch = assert(tl.watch(t, "r", function(_, ready)
        calls, told = calls + 1, ready
        t:read()
        t:read()
      end))
      sockets.till(function() return calls == 5 end, "five calls")
      assert.equal("r", told)
      watch:cancel()
      t:close()
    end)
  end)

  it("still refuses a connection's descriptor", function()
    sockets.run(function()
      local ours, theirs = sockets.pair()
      assert.equal("EEXIST", _G.select(3, tl.watch(ours, "r", print)))
      ours:close()
      theirs:close()
    end)
  end)
end)

describe("a connect that waits", function()
  it("does not count as done when the socket begins to be watched", function()
    sockets.run(function()
      local full = assert(socket.socket())
      assert(full:bind("127.0.0.1:0"))
      assert(full:listen(0))
      local address, rest = full:getsockname(), {}
      for i = 1, 3 do -- until the backlog is full, and connects have to wait
        rest[i] = assert(socket.socket())
        rest[i]:setblocking(false)
        rest[i]:connect(address)
      end
      local s = assert(socket.socket())
      s:settimeout(0.05)
      local task = tl.spawn(function() return s:connect(address) end)
      tl.sleep(0.001)
      local watch = assert(tl.watch(s, "w", function(w) w:cancel() end))
      assert.equal("ETIMEDOUT", _G.select(3, task:join()))
      watch:cancel()
      for _, one in ipairs(rest) do one:close() end
      s:close()
      full:close()
    end)
  end)
end)
