-- Small things of the descriptors' interfaces, each as its spec says.
local select = require "timerlua.select"
local socket = require "timerlua.socket"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local timerfd = require "timerlua.timerfd"
local tl = require "timerlua"

-- With no descriptor left the first wait for a time ended the script, past pcall.
describe("a timed wait with no descriptor left", function()
  it("is as any other", function()
    local r = support.run([[
      local tl, timerfd, all = require "timerlua", require "timerlua.timerfd", {}
      local _, code
      repeat
        all[#all + 1], _, code = timerfd.create(1)
      until code
      print(#all < 20, code)
      print(pcall(tl.sleep, 0.01))]], { before = "ulimit -n 20; " })
    assert.same({ "", "true\tEMFILE\ntrue\ttrue\n", 0 }, { r.err, r.out, r.code })
  end)
end)

-- A connect that was refused left a socket of which every other connect said
-- ECONNABORTED, and whose recv said that the peer had ended.
describe("a socket whose connect was refused", function()
  local function refused(where)
    local listener = assert(socket.socket())
    assert(listener:bind("127.0.0.1:0"))
    local address = listener:getsockname()
    local s = assert(socket.socket())
    for _ = 1, 5 do
      assert.equal("ECONNREFUSED", _G.select(3, s:connect(address)), where)
      assert.equal("ENOTCONN", _G.select(3, s:recv(1)), where)
    end
    assert(listener:listen())
    assert.is_true(s:connect(address), where)
    assert.equal(address, s:getpeername())
    s:close()
    listener:close()
  end

  it("is as new, in a task", function() sockets.run(function() refused("a task") end) end)

  it("is as new, outside", function()
    assert.is_true(coroutine.wrap(function()
      refused("outside")
      return true
    end)())
  end)
end)

-- An object whose fileno was no function raised an error of timerlua's own files.
describe("an object whose fileno is no function", function()
  it("is refused as one that is no descriptor", function()
    local object = { fileno = 5 }
    local ep, p = assert(select.epoll()), select.poll()
    for what, call in pairs {
      ["select.select: rlist[1]"] = function() select.select({ object }, {}, {}) end,
      ["select.epoll:register: fd"] = function() ep:register(object) end,
      ["select.poll:register: fd"] = function() p:register(object) end,
      ["timerfd.read: fd"] = function() timerfd.read(object) end,
    } do
      assert.truthy(support.raised(call):find("^HERE: timerlua%." .. what:gsub("%p", "%%%0")
        .. " must be a descriptor, an io file or have fileno%(%), got table: "))
    end
    ep:close()
    local callable = setmetatable({}, { __call = function() return 4000 end })
    local _, _, code = select.select({ { fileno = callable } }, {}, {}, 0)
    assert.equal("EBADF", code)
  end)
end)

-- false was taken for no mask at all.
describe("a mask of false", function()
  it("is refused", function()
    local ep, p, dp = assert(select.epoll()), select.poll(), assert(select.devpoll())
    for _, object in ipairs { ep, p, dp } do
      assert.truthy(support.raised(function() object:register(0, false) end)
        :find("mask must be made of %u+ constants[^\n]*, got false$"))
    end
    ep:close()
    dp:close()
  end)
end)

-- They were "table: 0x...".
describe("the text of an object", function()
  it("says what it is", function()
    for name, object in pairs { Epoll = assert(select.epoll()), Devpoll = assert(select.devpoll()),
      Kqueue = assert(select.kqueue()) } do
      assert.equal(("timerlua.%s: fd %d"):format(name, object:fileno()), tostring(object))
      object:close()
      assert.equal(("timerlua.%s: closed"):format(name), tostring(object))
    end
    local p = select.poll()
    p:register(1)
    p:register(2)
    p:unregister(1)
    assert.equal("timerlua.Poll: 1 registered", tostring(p))
  end)
end)

describe("timerstack_many", function()
  local PATH = "scripts/descriptors/timerstack_many.lua"

  -- "-6 timers are set"
  it("opens as many as there may be", function()
    local r = support.run({ PATH, "100" }, { before = "ulimit -n 14; " })
    local count = tonumber(r.out:match("(%d+) timers are set"))
    assert.is_true(count == 100 or (count >= 4 and count < 14), r.out .. r.err)
    assert.equal(0, r.code)
  end)

  -- "0 timers are set", and one was
  it("refuses a count that is none", function()
    for _, count in ipairs { "0", "0.5", "-1", "many" } do
      local r = support.run { PATH, count }
      assert.truthy(r.err:find("COUNT must be a whole number >= 1", 1, true))
      assert.equal("", r.out)
      assert.equal(1, r.code)
    end
  end)
end)

-- A task that read while another closed the descriptor in the turn that passed.
describe("closing in the turn that passes before a call", function()
  it("is told as a value", function()
    sockets.run(function()
      local t, kq = assert(timerfd.create(1)), assert(select.kqueue())
      t:settime{ initial = 1e-9, interval = 1e-9 }
      local reading = tl.spawn(function()
        local _, code
        repeat _, _, code = t:read() until code
        return code
      end)
      local changing = tl.spawn(function()
        local _, code
        repeat _, _, code = kq:control({}, 0) until code
        return code
      end)
      tl.sleep(0.005)
      t:close()
      kq:close()
      assert.equal("EBADF", reading:join())
      assert.equal("EBADF", changing:join())
    end)
  end)
end)
