-- select.kqueue and select.kevent: the behavior that Python's own tests require, and
-- the behavior in tasks. The filters are in kqueue_filters_spec.lua.
local bit = require "bit"
local faults = require "tests.support.faults"
local fds = require "tests.support.descriptors"
local ffi = require "ffi"
local queues = require "tests.support.queues"
local select = require "timerlua.select"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

local C = ffi.C
local names, change, one = queues.names, queues.change, queues.one
local none, fails, fork, wait_for = queues.none, queues.fails, queues.fork, queues.wait_for

local READ, WRITE, VNODE, PROC, SIGNAL, TIMER = -1, -2, -4, -5, -6, -7
local ADD, DELETE, ENABLE, DISABLE = 1, 2, 4, 8
local ONESHOT, CLEAR, RECEIPT, ERROR = 0x10, 0x20, 0x40, 0x4000
local SIGUSR1, SIGKILL = 10, 9
local ENOENT, EBADF, EINVAL, ENOTSUP, ESRCH = 2, 9, 22, 95, 3

local kevent = select.kevent

-- Tests for both a task and the main chunk of a plain luajit.
local function both(name, fn)
  it(name .. ", in a task", function() sockets.run(fn) end)
  it(name .. ", outside", function() queues.outside(fn) end)
end

describe("kqueue's constants", function()
  it("are FreeBSD's", function()
    local expected = { KQ_FILTER_READ = -1, KQ_FILTER_WRITE = -2, KQ_FILTER_AIO = -3,
      KQ_FILTER_VNODE = -4, KQ_FILTER_PROC = -5, KQ_FILTER_SIGNAL = -6,
      KQ_FILTER_TIMER = -7, KQ_FILTER_NETDEV = -8, KQ_EV_ADD = 1, KQ_EV_DELETE = 2,
      KQ_EV_ENABLE = 4, KQ_EV_DISABLE = 8, KQ_EV_ONESHOT = 16, KQ_EV_CLEAR = 32,
      KQ_EV_SYSFLAGS = 0xf000, KQ_EV_FLAG1 = 0x2000, KQ_EV_EOF = 0x8000,
      KQ_EV_ERROR = 0x4000, KQ_NOTE_LOWAT = 1, KQ_NOTE_DELETE = 1, KQ_NOTE_WRITE = 2,
      KQ_NOTE_EXTEND = 4, KQ_NOTE_ATTRIB = 8, KQ_NOTE_LINK = 16, KQ_NOTE_RENAME = 32,
      KQ_NOTE_REVOKE = 64, KQ_NOTE_EXIT = 2147483648, KQ_NOTE_FORK = 1073741824,
      KQ_NOTE_EXEC = 536870912, KQ_NOTE_PCTRLMASK = 4026531840,
      KQ_NOTE_PDATAMASK = 1048575, KQ_NOTE_TRACK = 1, KQ_NOTE_TRACKERR = 2,
      KQ_NOTE_CHILD = 4, KQ_NOTE_LINKUP = 1, KQ_NOTE_LINKDOWN = 2, KQ_NOTE_LINKINV = 4 }
    for name, value in pairs(expected) do assert.equal(value, select[name], name) end
  end)
end)

describe("a kevent", function()
  local function fields(event)
    return { event.ident, event.filter, event.flags, event.fflags, event.data, event.udata }
  end

  it("has Python's defaults", function()
    assert.same({ 5, READ, ADD, 0, 0, 0 }, fields(kevent(5)))
    assert.same({ 5, WRITE, ADD, 0, 0, 0 }, fields(kevent(5, WRITE)))
    assert.same({ 5, WRITE, ONESHOT, 0, 0, 0 }, fields(kevent(5, WRITE, ONESHOT)))
    assert.same({ 1, 2, 3, 4, 5, 6 }, fields(kevent(1, 2, 3, 4, 5, 6)))
    assert.same({ 7, TIMER, ADD, 0, 9, "u" },
      fields(kevent { ident = 7, filter = TIMER, data = 9, udata = "u" }))
    assert.same({ 2 ^ 53, 1, 2, 3, 2 ^ 53 - 1, 2 ^ 53 },
      fields(kevent(2 ^ 53, 1, 2, 3, 2 ^ 53 - 1, 2 ^ 53)))
  end)

  it("takes the number of an object that has fileno()", function()
    local file = assert(io.open("Makefile"))
    local object = { fileno = function() return 77 end }
    assert.equal(77, kevent(object).ident)
    assert.equal(77, kevent { ident = object }.ident)
    assert.is_true(kevent(file).ident > 2)
    file:close()
    assert.truthy(support.raised(function() kevent("x") end):find("ident must be", 1, true))
    assert.truthy(support.raised(function() kevent() end):find("ident must be", 1, true))
    assert.truthy(support.raised(function() kevent {} end):find("ident must be", 1, true))
  end)

  it("has masks that are sums and those that bit.bor made", function()
    assert.equal(select.KQ_NOTE_EXIT, kevent(1, PROC, ADD, bit.bor(select.KQ_NOTE_EXIT, 0)).fflags)
  end)

  it("refuses invalid fields", function()
    local function refused(what, ...)
      local arguments = { n = _G.select("#", ...), ... }
      local message = support.raised(function()
        kevent(unpack(arguments, 1, arguments.n))
      end)
      assert.truthy(message:find("timerlua.select.kevent: " .. what, 1, true), message)
    end
    refused("ident must be an integer from 0 to", -1)
    refused("ident", 1.5)
    refused("ident", 2 ^ 54)
    refused("filter", 1, 2 ^ 15)
    refused("filter", 1, "READ")
    refused("flags", 1, READ, 2 ^ 16)
    refused("flags", 1, READ, -1)
    refused("fflags", 1, READ, ADD, 2 ^ 32)
    refused("fflags", 1, READ, ADD, 0 / 0)
    refused("data", 1, READ, ADD, 0, 1 / 0)
    refused("data", 1, READ, ADD, 0, {})
    assert.equal("HERE: timerlua.select.kevent: fields are ident, filter, flags, fflags, data, "
      .. 'udata, got "id"', support.raised(function() kevent { id = 1 } end))
  end)

  it("compares as Python's, field by field", function()
    local event, other = kevent(1), kevent(2)
    assert.is_true(event == kevent(1))
    assert.is_true(event ~= other and event < other and other >= event and event <= other)
    assert.is_false(other < event)
    assert.is_true(event <= kevent(1) and event >= kevent(1))
    assert.is_true(kevent(1, WRITE) < kevent(1, READ))
    assert.is_true(kevent(1, READ, ADD, 0, 0, "a") < kevent(1, READ, ADD, 0, 0, "b"))
    assert.is_false(kevent(1, READ, ADD, 0, 0, {}) < kevent(1, READ, ADD, 0, 0, {}))
    assert.is_false(kevent(1, READ, ADD, 0, 0, {}) == kevent(1, READ, ADD, 0, 0, {}))
    assert.is_false(event == 1)
    assert.is_false(pcall(function() return event < 1 end))
    local list = { kevent(3), kevent(1), kevent(2) }
    table.sort(list)
    assert.equal("1:-1 2:-1 3:-1", names(list))
  end)

  it("has a readable text", function()
    assert.equal("<select.kevent ident=3 filter=-2 flags=0x11 fflags=0x1 data=7 udata=u>",
      tostring(kevent(3, WRITE, ADD + ONESHOT, 1, 7, "u")))
  end)
end)

describe("a kqueue", function()
  both("opens with a descriptor and closes", function()
    local kq = assert(select.kqueue())
    assert.is_true(kq:fileno() > 0)
    assert.is_false(kq.closed)
    kq:close()
    assert.is_true(kq.closed)
    kq:close()
    for _, name in ipairs { "fileno", "control" } do
      assert.equal(("HERE: timerlua.select.kqueue:%s: the kqueue object is closed"):format(name),
        support.raised(function() kq[name](kq, nil, 1, 0) end))
    end
    assert.truthy(support.raised(function() kq.control() end):find("as kq:control()", 1, true))
  end)

  it("is not inherited by started programs, nor is any descriptor it opens", function()
    local before = support.count_fds()
    local list = support.shell("ls /proc/self/fd | wc -l").out
    local kq = assert(select.kqueue())
    local r, w = fds.pipe()
    local path = support.temporary("x")
    local file = fds.open(path)
    assert.same({}, kq:control({ kevent(r), kevent(w, WRITE), kevent(file),
      kevent(1, TIMER, ADD, 0, 1000), kevent(SIGUSR1, SIGNAL), kevent(C.getpid(), PROC),
      kevent(file, VNODE, ADD, 0x7f) }, 0))
    assert.is_true(support.count_fds() > before + 8)
    assert.equal(list, support.shell("ls /proc/self/fd | wc -l").out)
    kq:close()
    fds.close(r, w, file)
    os.remove(path)
    assert.equal(before, support.count_fds())
  end)

  both("answers as Python's test of a queue asks", function()
    local server, client = fds.pair()
    local kq = assert(select.kqueue())
    local kq2 = assert(select.kqueue.fromfd(kq:fileno()))
    change(kq, server, WRITE, ADD + ENABLE)
    change(kq, server, READ, ADD + ENABLE)
    change(kq2, client, WRITE, ADD + ENABLE)
    change(kq2, client, READ, ADD + ENABLE)
    local writers = { kevent(client, WRITE), kevent(server, WRITE) }
    assert.equal(names(writers), names(kq:control(nil, 4, 1)))
    fds.put(client, "Hello!")
    fds.put(server, "world!!!")
    assert.equal(names { writers[1], writers[2], kevent(client), kevent(server) },
      names(kq:control(nil, 4, 1)))
    change(kq, client, WRITE, DELETE)
    change(kq, client, READ, DELETE)
    change(kq, server, READ, DELETE)
    assert.equal(names { kevent(server, WRITE) }, names(kq:control({}, 4, 0.99)))
    kq:close()
    assert.is_true(kq2.closed)
    kq2:close()
    fds.close(server, client)
  end)

  both("changes and waits in one call", function()
    local a, b = fds.pair()
    local kq = assert(select.kqueue())
    fds.put(a, "foo")
    local events = kq:control({ kevent(a, READ, ADD + ENABLE),
      kevent(b, READ, ADD + ENABLE) }, 1, 1)
    assert.equal(names { kevent(b) }, names(events))
    assert.equal(0, events[1].flags)
    assert.equal(3, events[1].data)
    kq:close()
    fds.close(a, b)
  end)

  it("takes changes as a list, from an iterator, or none", function()
    local kq = assert(select.kqueue())
    local list = { kevent(1, TIMER, ADD, 0, 1000), kevent(2, TIMER, ADD, 0, 1000) }
    local i = 0
    assert.same({}, kq:control(function() i = i + 1 return list[i] end, 0))
    change(kq, 1, TIMER, DELETE)
    change(kq, 2, TIMER, DELETE)
    assert.same({}, kq:control(nil, 0))
    assert.same({}, kq:control({}, 0))
    local rule = "HERE: timerlua.select.kqueue:control: changelist must be a list of kevent "
      .. "objects, an iterator or nil, got "
    assert.equal(rule .. "5", support.raised(function() kq:control(5, 0) end))
    assert.truthy(support.raised(function() kq:control(list[1], 0) end):find(rule, 1, true))
    kq:close()
  end)

  it("changes nothing when an element of the list is not a kevent", function()
    local kq = assert(select.kqueue())
    assert.equal("HERE: timerlua.select.kqueue:control: changelist[2] must be a kevent object, "
      .. "got 7", support.raised(function() kq:control({ kevent(1, TIMER), 7 }, 0) end))
    local broken = kevent(1, TIMER)
    broken.data = "soon"
    assert.truthy(support.raised(function() kq:control({ kevent(1, TIMER), broken }, 0) end)
      :find("data must be an integer", 1, true))
    fails("ENOENT", "kqueue.control TIMER 1: no such file or directory",
      kq:control({ kevent(1, TIMER, DELETE) }, 0))
    kq:close()
  end)

  it("refuses invalid counts and times", function()
    local kq = assert(select.kqueue())
    for _, most in ipairs { -1, 1.5, "1", 0 / 0 } do
      assert.truthy(support.raised(function() kq:control(nil, most, 0) end)
        :find("max_events must be an integer >= 0", 1, true))
    end
    assert.truthy(support.raised(function() kq:control(nil) end):find("max_events", 1, true))
    for _, timeout in ipairs { -1, 1 / 0, 0 / 0, "soon", {} } do
      assert.truthy(support.raised(function() kq:control(nil, 1, timeout) end)
        :find("timeout must be", 1, true))
    end
    kq:close()
  end)

  it("returns udata of any kind, as long as the event is there", function()
    local kq = assert(select.kqueue())
    local r, w = fds.pipe()
    local mine = setmetatable({}, { __mode = "v" })
    mine[1] = {}
    change(kq, w, WRITE, ADD, 0, 0, mine[1])
    support.collect()
    assert.equal(mine[1], one(kq).udata)
    change(kq, w, WRITE, ADD, 0, 0, false)
    support.collect()
    assert.is_nil(mine[1])
    assert.is_false(one(kq).udata)
    mine[1] = {}
    change(kq, w, WRITE, ADD + ONESHOT, 0, 0, mine[1])
    assert.equal(mine[1], one(kq).udata)
    support.collect()
    assert.is_nil(mine[1])
    kq:close()
    fds.close(r, w)
  end)

  it("is found again by its descriptor, and nothing else is", function()
    local kq = assert(select.kqueue())
    assert.equal(kq:fileno(), assert(select.kqueue.fromfd(kq)):fileno())
    fails("ENOTSUP", "kqueue.fromfd fd 1: not a kqueue of this program, which alone knows what "
      .. "it watches", select.kqueue.fromfd(1))
    fails("EBADF", "kqueue.fromfd fd 4000: bad file descriptor", select.kqueue.fromfd(4000))
    local number = kq:fileno()
    kq:close()
    assert.is_nil((select.kqueue.fromfd(number)))
  end)

  it("is closed with the last reference to it", function()
    local before = support.count_fds()
    local kq = assert(select.kqueue())
    change(kq, 1, TIMER, ADD, 0, 1000)
    change(kq, SIGUSR1, SIGNAL)
    assert.is_true(support.count_fds() >= before + 3)
    kq = nil -- luacheck: ignore 311
    support.collect()
    assert.equal(before, support.count_fds())
    kq = assert(select.kqueue())
    change(kq, SIGUSR1, SIGNAL) -- is free again
    kq:close()
  end)

  it("is closed in a process that was forked, and the parent's stays whole", function()
    local kq = assert(select.kqueue())
    local r, w = fds.pipe()
    change(kq, r, READ)
    change(kq, 1, TIMER, ADD, 0, 1)
    local pid = fork(function()
      local closed, raised = kq.closed, not pcall(kq.control, kq, nil, 1, 0)
      kq:close()
      return closed and raised and 0 or 1
    end)
    assert.equal(0, wait_for(pid))
    fds.put(w)
    sockets.till(function()
      return names(kq:control(nil, 4, 1)) == names { kevent(1, TIMER), kevent(r) }
    end)
    kq:close()
    fds.close(r, w)
  end)
end)

describe("a kqueue's failures", function()
  local kq
  before_each(function() kq = assert(select.kqueue()) end)
  after_each(function() kq:close() end)

  local function error_of(...)
    local events = assert(kq:control({ kevent(...) }, 1, 0))
    assert.equal(1, #events)
    assert.equal(ERROR, events[1].flags)
    return events[1].data
  end

  it("are events when there is room", function()
    local events = kq:control({ kevent(1, TIMER, DELETE, 0, 0, "a"), kevent(2, TIMER, ADD, 0, 1000),
      kevent(3, TIMER, DELETE, 0, 0, "b") }, 8, 5)
    assert.equal(2, #events)
    for i, event in ipairs(events) do
      assert.equal(ERROR, event.flags)
      assert.equal(ENOENT, event.data)
      assert.equal(({ "a", "b" })[i], event.udata)
      assert.equal(({ 1, 3 })[i], event.ident)
    end
    change(kq, 2, TIMER, DELETE)
  end)

  it("end the call when there is no room, and earlier changes stay", function()
    local list = { kevent(2, TIMER, ADD, 0, 1000), kevent(1, TIMER, DELETE),
      kevent(3, TIMER, ADD, 0, 1000) }
    local message = "kqueue.control TIMER 1: no such file or directory"
    fails("ENOENT", message, kq:control(list, 0))
    change(kq, 2, TIMER, DELETE)
    assert.equal(ENOENT, error_of(3, TIMER, DELETE))
    table.insert(list, 1, kevent(9, TIMER, DELETE))
    fails("ENOENT", message, kq:control(list, 1))
  end)

  it("are reported with BSD's codes", function()
    local r, w = fds.pipe()
    assert.equal(EBADF, error_of(4000))
    assert.equal(EBADF, error_of(2 ^ 40))
    assert.equal(EBADF, error_of(4000, READ, DELETE))
    assert.equal(ENOENT, error_of(r, READ, ENABLE))
    assert.equal(EINVAL, error_of(kq:fileno()))
    assert.equal(EINVAL, error_of(r, 1))
    assert.equal(EINVAL, error_of(r, -14))
    assert.equal(EINVAL, error_of(r, VNODE, ADD, 1))
    assert.equal(EINVAL, error_of(1, TIMER, ADD, 0, -1))
    local two_units = select.KQ_NOTE_SECONDS + select.KQ_NOTE_USECONDS
    assert.equal(EINVAL, error_of(1, TIMER, ADD, two_units, 1))
    assert.equal(EINVAL, error_of(0, SIGNAL))
    assert.equal(EINVAL, error_of(SIGKILL, SIGNAL))
    assert.equal(EINVAL, error_of(65, SIGNAL))
    assert.equal(ESRCH, error_of(0, PROC))
    assert.equal(ESRCH, error_of(2 ^ 31 - 1, PROC))
    assert.equal(ESRCH, error_of(2 ^ 33, PROC))
    fds.close(r, w)
  end)

  it("name the features that Linux does not have", function()
    local r, w = fds.pipe()
    for _, filter in ipairs { select.KQ_FILTER_AIO, select.KQ_FILTER_NETDEV, -11 } do
      assert.equal(ENOTSUP, error_of(r, filter))
    end
    for _, note in ipairs { "FORK", "EXEC", "TRACK" } do
      assert.equal(ENOTSUP, error_of(C.getpid(), PROC, ADD, select["KQ_NOTE_" .. note]))
    end
    assert.equal(ENOTSUP, error_of(w, WRITE, ADD, select.KQ_NOTE_LOWAT, 100))
    fails("ENOTSUP", "kqueue.control NETDEV 1: Linux has nothing for this filter",
      kq:control({ kevent(1, select.KQ_FILTER_NETDEV) }, 0))
    fails("ENOTSUP", "kqueue.control PROC 1: Linux has nothing for fflags 0x40000000",
      kq:control({ kevent(1, PROC, ADD, select.KQ_NOTE_FORK) }, 0))
    fds.close(r, w)
  end)

  it("and successes are receipts where they are asked for", function()
    local events = kq:control({ kevent(1, TIMER, ADD + RECEIPT, 0, 1), kevent(1, TIMER, DELETE),
      kevent(2, TIMER, DELETE + RECEIPT) }, 3, 5)
    assert.equal(2, #events)
    assert.same({ ERROR, 0, 1 }, { events[1].flags, events[1].data, events[1].ident })
    assert.same({ ERROR, ENOENT, 2 }, { events[2].flags, events[2].data, events[2].ident })
  end)

  it("pass over a filter of 0, as BSD does", function()
    assert.same({}, kq:control({ kevent(1, 0) }, 1, 0))
  end)
end)

describe("a kqueue that is waited for", function()
  both("is over when its time is, and never early", function()
    local kq = assert(select.kqueue())
    for _, timeout in ipairs { 0, 0.0003, 0.01, "5ms", 2000000LL } do
      local start = tl.now()
      assert.same({}, kq:control(nil, 1, timeout))
      local least = type(timeout) == "number" and timeout or 0.002
      assert.is_true(tl.now() - start >= least)
      assert.is_true(tl.now() - start < 2)
    end
    local start = tl.now()
    assert.same({}, kq:control({ kevent(1, TIMER, ADD, 0, 1) }, 0)) -- waits for nothing
    assert.is_true(tl.now() - start < 1)
    kq:close()
  end)

  it("ends in time though events come that are not enough", function()
    sockets.run(function()
      local kq = assert(select.kqueue())
      local a, b = fds.pair()
      change(kq, a, READ, ADD, select.KQ_NOTE_LOWAT, 1000)
      local writing = tl.every(0.002, function() fds.put(b) end)
      local start = tl.now()
      assert.same({}, kq:control(nil, 1, 0.03))
      assert.is_true(tl.now() - start >= 0.03 and tl.now() - start < 1)
      writing:cancel()
      kq:close()
      fds.close(a, b)
    end)
  end)

  it("lets other tasks run while it waits", function()
    sockets.run(function()
      local kq = assert(select.kqueue())
      local r, w = fds.pipe()
      change(kq, r)
      local ticks = 0
      local ticking = tl.every(0.001, function() ticks = ticks + 1 end)
      tl.after(0.01, function() fds.put(w) end)
      one(kq)
      assert.is_true(ticks > 0)
      ticking:cancel()
      kq:close()
      fds.close(r, w)
    end)
  end)

  it("is ended by a limit, by cancelling and by closing", function()
    sockets.run(function()
      local kq = assert(select.kqueue())
      local _, err = tl.timeout(0.001, kq.control, kq, nil, 1)
      assert.equal("timeout", err)
      local task = tl.spawn(function() return kq:control(nil, 1) end)
      tl.sleep(0)
      task:cancel()
      assert.equal("ECANCELED", _G.select(3, task:join()))
      task = tl.spawn(function() return kq:control(nil, 1) end)
      tl.sleep(0)
      kq:close()
      fails("EBADF", "kqueue.control: bad file descriptor", task:join())
    end)
  end)

  it("serves several tasks", function()
    sockets.run(function()
      local kq = assert(select.kqueue())
      local got = {}
      local tasks = {}
      for i = 1, 3 do
        tasks[i] = tl.spawn(function()
          local event = kq:control(nil, 1)[1]
          got[#got + 1] = event.ident
        end)
      end
      tl.sleep(0)
      for i = 1, 3 do change(kq, i, TIMER, ADD + ONESHOT, 0, 1) end
      for i = 1, 3 do tasks[i]:join() end
      kq:close()
      table.sort(got)
      assert.same({ 1, 2, 3 }, got)
    end)
  end)

  it("is a descriptor for tl.watch, epoll and another kqueue", function()
    sockets.run(function()
      local kq, outer = assert(select.kqueue()), assert(select.kqueue())
      local ep = assert(select.epoll())
      local r, w = fds.pipe()
      change(kq, r, READ, ADD + CLEAR)
      change(outer, kq)
      ep:register(kq, select.EPOLLIN)
      none(outer)
      local seen = 0
      local watch
      watch = assert(tl.watch(kq, "r", function()
        seen = seen + 1
        watch:cancel()
      end))
      fds.put(w)
      assert.equal(kq:fileno(), one(outer).ident)
      assert.equal(1, #ep:poll(5))
      sockets.till(function() return seen == 1 end)
      one(kq)
      assert.same({}, ep:poll(0))
      none(outer)
      ep:close()
      outer:close()
      kq:close()
      fds.close(r, w)
    end)
  end)

  it("survives collections of garbage at every step", function()
    sockets.run(sockets.collecting(function()
      local kq = assert(select.kqueue())
      local r, w = fds.pipe()
      change(kq, r, READ, ADD, 0, 0, {})
      local task = tl.spawn(sockets.collecting(function() return type(one(kq).udata) end))
      tl.sleep(0)
      support.collect()
      fds.put(w)
      assert.equal("table", task:join())
      kq:close()
      fds.close(r, w)
    end))
  end)

  it("waits the rest of its time after signals, outside any task", function()
    local r = support.shell(([[LD_PRELOAD="$SANITIZER_PRELOAD" luajit -e %s & pid=$!
      for i in 1 2 3 4 5; do sleep 0.02; kill -CHLD $pid; kill -CONT $pid; done; wait $pid]])
      :format(support.quote [[
        local tl, select = require "timerlua", require "timerlua.select"
        local kq, start = select.kqueue(), tl.now()
        print(#kq:control(nil, 1, 0.25), tl.now() - start >= 0.25, tl.now() - start < 2)
      ]]))
    assert.equal("", r.err)
    assert.equal("0\ttrue\ttrue\n", r.out)
  end)
end)

-- Random changes against a plain model: level-triggered events are reported exactly
-- when the model says so.
describe("a kqueue under random changes", function()
  for _, seed in ipairs(support.seeds(3)) do
    it("reports the events of a model, seed " .. seed, function()
      math.randomseed(seed)
      local before = support.count_fds()
      local kq = assert(select.kqueue())
      local pipes, model = {}, {}
      for i = 1, 12 do
        local r, w = fds.pipe()
        pipes[i] = { r = r, w = w, bytes = 0 }
      end
      local function expected()
        local list = {}
        for _, p in ipairs(pipes) do
          if p.r and model[p.r] == "on" and p.bytes > 0 then list[#list + 1] = kevent(p.r) end
          if p.w and model[p.w] == "on" then list[#list + 1] = kevent(p.w, WRITE) end
        end
        return names(list)
      end
      local function mutate(p)
        local what, reads = math.random(8), math.random(2) == 1
        local fd, filter = reads and p.r or p.w, reads and READ or WRITE
        local at = model[fd]
        if what == 1 then
          fds.put(p.w)
          p.bytes = p.bytes + 1
        elseif what == 2 then
          if p.bytes > 0 then fds.take(p.r) end
          p.bytes = 0
        elseif what <= 4 then
          change(kq, fd, filter)
          model[fd] = "on"
        elseif what <= 7 then
          local flags = ({ DELETE, ENABLE, DISABLE })[what - 4]
          local events = kq:control({ kevent(fd, filter, flags) }, 0)
          assert.equal(at ~= nil, events ~= nil)
          if at then model[fd] = ({ nil, "on", "off" })[what - 4] end
          if what == 5 then model[fd] = nil end
        else
          fds.close(p.r, p.w)
          model[p.r], model[p.w] = nil, nil
          p.r, p.w = fds.pipe()
          p.bytes = 0
        end
      end
      for _ = 1, 600 do
        mutate(pipes[math.random(#pipes)])
        assert.equal(expected(), names(kq:control(nil, 100, 0)))
      end
      kq:close()
      for _, p in ipairs(pipes) do fds.close(p.r, p.w) end
      assert.equal(before, support.count_fds())
    end)
  end
end)

describe("a kqueue whose carriers fail", function()
  setup(faults.setup)
  teardown(faults.teardown)

  local SCRIPT = [[
    local select = require "timerlua.select"
    local kq, message, code = select.kqueue()
    if not kq then print(message, code) return end
    local file = io.open("Makefile")
    local list = { { "TIMER", 1, 0, 1 }, { "SIGNAL", 10 }, { "PROC", 1, select.KQ_NOTE_EXIT },
      { "VNODE", file, 0x7f }, { "READ", file } }
    for _, one in ipairs(list) do
      local events, message, code = kq:control({ select.kevent(one[2],
        select["KQ_FILTER_" .. one[1] ], select.KQ_EV_ADD, one[3], one[4]) }, 0)
      if not events then print(message, code) end
    end
    print(#kq:control(nil, 8, 5) > 0)
    kq:close()
    print(kq.closed)
  ]]

  local function run(call, n, code)
    local r = faults.run(SCRIPT, call, n, code)
    assert.equal("", r.err)
    assert.equal(0, r.code)
    return r.out
  end

  it("reports the failure, and goes on with the others", function()
    local whole = "true\ntrue\n"
    assert.equal(whole, run("none", 0, "EMFILE"))
    for call, who in pairs { timerfd_create = "TIMER 1", signalfd = "SIGNAL 10",
      pidfd_open = "PROC 1", inotify_init1 = "VNODE %d+", inotify_add_watch = "VNODE %d+" } do
      for _, code in ipairs { "EMFILE", "ENFILE", "ENOMEM", "ENOSPC" } do
        local out = run(call, call == "timerfd_create" and 2 or 1, code) -- the loop has one
        assert.truthy(out:match(("^kqueue.control %s: %s\t%s\n%s$"):format(who,
          faults.text(code), code, whole)), call .. ": " .. out)
      end
    end
    assert.truthy(run("eventfd", 2, "EMFILE"):match("^kqueue.control READ %d+: [%l ]+\tEMFILE\n"
      .. whole .. "$"))
    assert.truthy(run("timerfd_settime", 1, "EINVAL"):match("^kqueue.control TIMER 1: "))
  end)

  it("reports that the queue could not be opened", function()
    assert.equal(("kqueue: %s\tEMFILE\n"):format(faults.text("EMFILE")),
      run("epoll_create1", 2, "EMFILE"))
  end)

  -- Each failure is reported once, and changes nothing else; failures of the loop's own
  -- set end the program.
  local function check_each(call, code, least)
    local told = 0
    for n = 1, faults.run(SCRIPT, call, 0, code).calls do
      local r = faults.run(SCRIPT, call, n, code)
      local label = ("%s %d: %s%s"):format(call, n, r.out, r.err)
      assert.truthy(r.code == 0 or r.code == 1, label)
      if r.out ~= "" then
        local _, times = r.out:gsub("\t" .. code .. "\n", "")
        assert.equal("", r.err, label)
        assert.is_true(times <= 1, label)
        assert.truthy(times == 1 and not r.out:find("true", 1, true)
          or r.out:find("true\ntrue\n$"), label)
        told = told + times
      end
    end
    assert.is_true(told >= least, told)
  end

  it("reports every epoll_ctl that fails", function()
    check_each("epoll_ctl", "ENOSPC", 6)
  end)

  it("reports every allocation that fails", function()
    if support.sanitized then return pending("the sanitizers' allocator is in between") end
    check_each("calloc", "ENOMEM", 7)
  end)
end)
