-- A task that always found something at once, on a plain socket, on a timer descriptor
-- or in kqueue.control with changes only, kept the loop's timers waiting, and neither a
-- limit nor a cancellation reached it.
local select = require "timerlua.select"
local socket = require "timerlua.socket"
local sockets = require "tests.support.sockets"
local timerfd = require "timerlua.timerfd"
local tl = require "timerlua"

-- A task that repeats `call` forever: ticks come, and its limit is kept.
local function lets_others_run(call)
  local ticks = 0
  local ticking = tl.every(0.001, function() ticks = ticks + 1 end)
  local start = tl.now()
  local _, err = tl.timeout(0.03, function() while true do call() end end)
  assert.equal("timeout", err)
  assert.is_true(tl.now() - start < 5)
  assert.is_true(ticks > 0)
  local task = tl.spawn(function() while true do call() end end)
  tl.sleep(0.002)
  task:cancel()
  assert.equal("ECANCELED", _G.select(3, task:join()))
  ticking:cancel()
end

describe("a task that never has to wait", function()
  it("lets others run when it reads a timer of 1 ns", function()
    sockets.run(function()
      local t = assert(timerfd.create(timerfd.CLOCK_MONOTONIC))
      t:settime{ initial = 1e-9, interval = 1e-9 }
      lets_others_run(function() assert(t:read()) end)
      lets_others_run(function() assert(timerfd.read(t:fileno())) end)
      t:close()
    end)
  end)

  it("lets others run when it sends to itself and receives", function()
    sockets.run(function()
      local a, b = assert(socket.socketpair())
      lets_others_run(function()
        assert(a:send("x"))
        assert(b:recv(1))
      end)
      lets_others_run(function() assert(a:sendall("")) assert(a:sendall("x")) b:recvfrom(1) end)
      a:close()
      b:close()
    end)
  end)

  it("lets others run when it accepts and connects", function()
    sockets.run(function()
      local listener = assert(socket.socket(socket.AF_UNIX))
      local path = os.tmpname()
      os.remove(path)
      assert(listener:bind("unix:" .. path))
      assert(listener:listen())
      local address = listener:getsockname()
      lets_others_run(function()
        local s = assert(socket.socket(socket.AF_UNIX))
        assert(s:connect(address))
        assert(listener:accept()):close()
        s:close()
      end)
      listener:close()
      os.remove(path)
      local udp = assert(socket.socket(nil, socket.SOCK_DGRAM))
      assert(udp:bind("127.0.0.1:0"))
      local own = udp:getsockname()
      lets_others_run(function() assert(udp:sendto("x", own)) end)
      udp:close()
    end)
  end)

  it("lets others run when it receives in non-blocking mode", function()
    sockets.run(function()
      local a, b = assert(socket.socketpair())
      a:setblocking(false)
      lets_others_run(function() a:recv(1) end)
      a:close()
      b:close()
    end)
  end)

  it("lets others run when it changes a kqueue", function()
    sockets.run(function()
      local kq = assert(select.kqueue())
      local timer = select.kevent{ ident = 1, filter = select.KQ_FILTER_TIMER, data = 1000 }
      lets_others_run(function() assert(kq:control({ timer }, 0)) end)
      kq:close()
    end)
  end)

  it("loses no received data when it is cancelled", function()
    sockets.run(function()
      local a, b = assert(socket.socketpair())
      local sent, got = 0, 0
      local task = tl.spawn(function()
        while true do
          assert(b:sendall("xyz"))
          sent = sent + 3
          got = got + #assert(a:recv(3))
        end
      end)
      tl.sleep(0.01)
      task:cancel()
      task:join()
      a:setblocking(false)
      assert.equal(sent - got, #(a:recv(10) or ""))
      a:close()
      b:close()
    end)
  end)
end)
