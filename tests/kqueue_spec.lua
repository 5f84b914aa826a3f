-- select.kqueue and select.kevent: what Python's own tests ask of them, what
-- kqueue(2) of FreeBSD says, and what tasks do.
local bit = require "bit"
local ffi = require "ffi"
local faults = require "tests.faults"
local fds = require "tests.descriptors"
local select = require "timerlua.select"
local sockets = require "tests.sockets"
local support = require "tests.support"
local tl = require "timerlua"

ffi.cdef [[
int fork(void);
void _exit(int status);
int waitpid(int pid, int *status, int options);
int kill(int pid, int signal);
int getpid(void);
int dup2(int from, int to);
int ftruncate(int fd, int64_t length);
]]
local C = ffi.C

local READ, WRITE, VNODE, PROC, SIGNAL, TIMER = -1, -2, -4, -5, -6, -7
local ADD, DELETE, ENABLE, DISABLE = 1, 2, 4, 8
local ONESHOT, CLEAR, RECEIPT, DISPATCH, EOF, ERROR = 0x10, 0x20, 0x40, 0x80, 0x8000, 0x4000
local SIGUSR1, SIGUSR2, SIGTERM, SIGKILL, SIGRTMIN = 10, 12, 15, 9, 40
local ENOENT, EBADF, EINVAL, ENOTSUP, ESRCH, EBUSY = 2, 9, 22, 95, 3, 16

local kevent = select.kevent

-- What is asked both of a task and of the main chunk of a plain luajit.
local function both(name, fn)
  it(name .. ", in a task", function() sockets.run(fn) end)
  it(name .. ", outside", function()
    support.collect()
    local before = support.count_fds()
    fn()
    support.collect()
    assert.equal(before, support.count_fds())
  end)
end

local function names(events)
  local list = {}
  for i, event in ipairs(events) do
    list[i] = ("%d:%d"):format(event.ident, event.filter)
  end
  table.sort(list)
  return table.concat(list, " ")
end

local function change(kq, ...)
  assert.same({}, assert(kq:control({ kevent(...) }, 0)))
end

-- The one event that is there.
local function one(kq, timeout)
  local events = assert(kq:control(nil, 8, timeout or 5))
  assert.equal(1, #events)
  return events[1]
end

local function none(kq)
  assert.equal("", names(assert(kq:control(nil, 8, 0))))
end

local function fails(code, message, ok, err, got)
  assert.equal(nil, ok)
  assert.equal(message, err)
  assert.equal(code, got)
end

-- Runs `fn` in a forked child that exits with what it returns.
local function fork(fn)
  local pid = C.fork()
  assert(pid >= 0)
  if pid == 0 then
    local ok, status = pcall(fn)
    C._exit(ok and status or 99)
  end
  return pid
end

local function wait_for(pid)
  local status = ffi.new("int[1]")
  assert.equal(pid, C.waitpid(pid, status, 0))
  return status[0]
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

  it("takes the number of what has fileno()", function()
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

  it("refuses fields that are none", function()
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

  it("shows itself", function()
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

  it("is not inherited by programs that are started, nor anything it opens", function()
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
    local events = kq:control({ kevent(a, READ, ADD + ENABLE), kevent(b, READ, ADD + ENABLE) }, 1, 1)
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

  it("changes nothing when one of the list is no kevent", function()
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

  it("refuses counts and times that are none", function()
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

  it("gives back what udata was, of any kind, as long as the event is there", function()
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

  it("goes with the last reference to it", function()
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

  it("end the call when there is none, and the changes before stay", function()
    local list = { kevent(2, TIMER, ADD, 0, 1000), kevent(1, TIMER, DELETE),
      kevent(3, TIMER, ADD, 0, 1000) }
    local message = "kqueue.control TIMER 1: no such file or directory"
    fails("ENOENT", message, kq:control(list, 0))
    change(kq, 2, TIMER, DELETE)
    assert.equal(ENOENT, error_of(3, TIMER, DELETE))
    table.insert(list, 1, kevent(9, TIMER, DELETE))
    fails("ENOENT", message, kq:control(list, 1))
  end)

  it("are told with BSD's codes", function()
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
    assert.equal(EINVAL, error_of(1, TIMER, ADD, select.KQ_NOTE_SECONDS + select.KQ_NOTE_USECONDS, 1))
    assert.equal(EINVAL, error_of(0, SIGNAL))
    assert.equal(EINVAL, error_of(SIGKILL, SIGNAL))
    assert.equal(EINVAL, error_of(65, SIGNAL))
    assert.equal(ESRCH, error_of(0, PROC))
    assert.equal(ESRCH, error_of(2 ^ 31 - 1, PROC))
    assert.equal(ESRCH, error_of(2 ^ 33, PROC))
    fds.close(r, w)
  end)

  it("say what Linux does not have", function()
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

describe("KQ_FILTER_READ", function()
  local kq, r, w
  before_each(function()
    kq = assert(select.kqueue())
    r, w = fds.pipe()
  end)
  after_each(function()
    kq:close()
    fds.close(r)
    if w then fds.close(w) end
  end)

  it("tells again and again how much there is", function()
    change(kq, r)
    none(kq)
    fds.put(w, "abc")
    for _ = 1, 3 do assert.equal(3, one(kq).data) end
    fds.put(w, "de")
    assert.equal(5, one(kq).data)
    assert.equal(5, fds.take(r))
    none(kq)
  end)

  it("tells of changes only with CLEAR", function()
    change(kq, r, READ, ADD + CLEAR)
    fds.put(w, "abc")
    local event = one(kq)
    assert.equal(CLEAR, event.flags)
    assert.equal(3, event.data)
    none(kq)
    fds.put(w, "d")
    assert.equal(4, one(kq).data)
    change(kq, r, READ, ADD + CLEAR) -- anew: what is there is told
    assert.equal(4, one(kq).data)
    none(kq)
    change(kq, r, READ, ADD) -- and without CLEAR
    assert.equal(4, one(kq).data)
    assert.equal(4, one(kq).data)
  end)

  it("ends with ONESHOT, pauses with DISPATCH and DISABLE", function()
    change(kq, r, READ, ADD + ONESHOT)
    fds.put(w)
    assert.equal(ONESHOT, one(kq).flags)
    fails("ENOENT", ("kqueue.control READ %d: no such file or directory"):format(r),
      kq:control({ kevent(r, READ, DELETE) }, 0))
    change(kq, r, READ, ADD + DISPATCH)
    assert.equal(DISPATCH, one(kq).flags)
    none(kq)
    change(kq, r, READ, ENABLE)
    one(kq)
    change(kq, r, READ, ADD + DISABLE)
    none(kq)
    change(kq, r, READ, ADD)
    one(kq)
    change(kq, r, READ, DISABLE)
    change(kq, r, READ, DISABLE)
    none(kq)
    change(kq, r, READ, 0)
    none(kq)
    change(kq, r, READ, DELETE)
  end)

  it("does not hang up while it is disabled", function()
    change(kq, r, READ, ADD + DISABLE)
    fds.close(w)
    w = nil
    none(kq)
    local ep = assert(select.epoll())
    ep:register(kq:fileno(), select.EPOLLIN)
    assert.same({}, ep:poll(0))
    ep:close()
    change(kq, r, READ, ENABLE)
    assert.equal(EOF, one(kq).flags)
  end)

  it("tells of the end, and of what is left before it", function()
    change(kq, r)
    fds.put(w, "abc")
    fds.close(w)
    w = nil
    local event = one(kq)
    assert.equal(EOF, event.flags)
    assert.equal(0, event.fflags)
    assert.equal(3, event.data)
    fds.take(r)
    assert.same({ EOF, 0 }, { one(kq).flags, one(kq).data })
  end)

  it("tells of a peer that sends no more", function()
    local a, b = fds.pair()
    change(kq, a)
    change(kq, a, WRITE)
    fds.shutdown(b, 1)
    local events = kq:control(nil, 4, 5)
    table.sort(events)
    assert.equal(names { kevent(a), kevent(a, WRITE) }, names(events))
    assert.same({ 0, EOF }, { events[1].flags, events[2].flags })
    fds.close(a, b)
  end)

  it("tells the error that ended a connection, in every report", function()
    sockets.run(function()
      local kq = assert(select.kqueue())
      local conn, client = sockets.pair()
      local own = fds.duplicate(client:fileno())
      change(kq, own)
      change(kq, own, WRITE)
      client:close()
      conn:abort()
      sockets.till(function() return #kq:control(nil, 4, 0) == 2 end)
      for _ = 1, 2 do
        local events = kq:control(nil, 4, 0)
        assert.equal(2, #events)
        for _, event in ipairs(events) do
          assert.same({ EOF, 104 }, { event.flags, event.fflags }) -- ECONNRESET
        end
      end
      change(kq, own, READ, DELETE)
      change(kq, own, WRITE, DELETE)
      kq:close()
      fds.close(own)
    end)
  end)

  it("tells how many connections wait", function()
    sockets.run(function()
      local kq = assert(select.kqueue())
      local listener = assert(tl.listen("127.0.0.1:0", function() end))
      listener:pause()
      local own = fds.duplicate(listener:fileno())
      change(kq, own)
      none(kq)
      local one_client, other = assert(tl.connect(listener:sock())), assert(tl.connect(listener:sock()))
      sockets.till(function() return one(kq).data == 2 end)
      one_client:close()
      other:close()
      change(kq, own, READ, DELETE)
      listener:close()
      kq:close()
      fds.close(own)
    end)
  end)

  it("waits for a low-water mark", function()
    local a, b = fds.pair()
    change(kq, a, READ, ADD, select.KQ_NOTE_LOWAT, 5)
    fds.put(b, "abc")
    none(kq)
    fds.put(b, "de")
    assert.equal(5, one(kq).data)
    assert.equal(5, one(kq).data)
    fds.take(a)
    fds.put(b, "abc")
    none(kq)
    fds.close(b)
    assert.equal(EOF, one(kq).flags)
    fds.close(a)
  end)

  it("forgets a descriptor that is closed, and does not take the next for it", function()
    local a, b = fds.pair()
    fds.put(b)
    change(kq, a)
    one(kq)
    fds.close(a)
    none(kq)
    local c, d = fds.pair()
    assert.equal(a, c)
    fds.put(d)
    none(kq)
    assert.equal("ENOENT", _G.select(3, kq:control({ kevent(c, READ, DELETE) }, 0)))
    change(kq, c)
    assert.equal(c, one(kq).ident)
    fds.close(b, c, d)
  end)

  it("forgets one of which a duplicate lives, and does not spin on it", function()
    local a, b = fds.pair()
    local copy = fds.duplicate(a)
    change(kq, r)
    change(kq, a)
    change(kq, a, WRITE)
    fds.put(b)
    assert.equal(2, #kq:control(nil, 4, 0))
    fds.close(a)
    none(kq)
    local ep = assert(select.epoll())
    ep:register(kq:fileno(), select.EPOLLIN)
    assert.same({}, ep:poll(0))
    ep:close()
    fds.put(w)
    assert.equal(r, one(kq).ident)
    fds.close(copy, b)
  end)

  it("does not mistake the news of a descriptor's number that was given out again", function()
    local a, b = fds.pair()
    local copy = fds.duplicate(a)
    local c, d = fds.pair()
    change(kq, a)
    fds.put(b)
    assert.equal(a, C.dup2(c, a)) -- closes it; the duplicate keeps its place in epoll
    change(kq, a)
    none(kq)
    fds.put(d, "abc")
    assert.equal(3, one(kq).data)
    fds.close(a, b, c, d, copy)
  end)
end)

describe("KQ_FILTER_READ of a file", function()
  local kq, path, file, out
  before_each(function()
    kq = assert(select.kqueue())
    path = support.temporary("hello")
    file, out = assert(io.open(path, "r")), assert(io.open(path, "a"))
    file:setvbuf("no")
  end)
  after_each(function()
    kq:close()
    if io.type(file) == "file" then file:close() end
    out:close()
    os.remove(path)
  end)

  it("tells how much is left to its end", function()
    change(kq, file)
    assert.equal(5, one(kq).data)
    file:seek("set", 2)
    assert.equal(3, one(kq).data)
    file:seek("set", 9)
    assert.equal(-4, one(kq).data)
    file:seek("end")
    none(kq)
    change(kq, file, READ, DELETE)
  end)

  both("waits at its end until it grows", function()
    file:seek("end")
    change(kq, file)
    assert.same({}, kq:control(nil, 4, 0.01))
    local ep = assert(select.epoll())
    ep:register(kq:fileno(), select.EPOLLIN)
    assert.same({}, ep:poll(0))
    out:write("more")
    out:flush()
    assert.same({ { kq:fileno(), 1 } }, ep:poll(5))
    assert.equal(4, one(kq).data)
    ep:close()
    change(kq, file, READ, DELETE)
    kq:close()
    kq = assert(select.kqueue())
  end)

  it("tells of growth only with CLEAR, and ends with ONESHOT", function()
    change(kq, file, READ, ADD + CLEAR)
    assert.equal(5, one(kq).data)
    none(kq)
    out:write("more")
    out:flush()
    assert.equal(9, one(kq).data)
    none(kq)
    change(kq, file, READ, ADD + ONESHOT)
    one(kq)
    none(kq)
  end)

  it("is always ready for writing", function()
    change(kq, out, WRITE)
    assert.same({ WRITE, 0 }, { one(kq).filter, one(kq).data })
    change(kq, out, WRITE, DISABLE)
    none(kq)
  end)

  it("is forgotten when it is closed", function()
    change(kq, file)
    change(kq, out, WRITE)
    file:close()
    assert.equal(WRITE, one(kq).filter)
  end)

  it("takes its turn with others where one event is asked for", function()
    local r, w = fds.pipe()
    fds.put(w)
    change(kq, r)
    change(kq, file)
    change(kq, out, WRITE)
    local seen = {}
    for _ = 1, 6 do
      local event = kq:control(nil, 1, 0)[1]
      seen[names { event }] = (seen[names { event }] or 0) + 1
    end
    local kinds = 0
    for _, times in pairs(seen) do
      kinds = kinds + 1
      assert.is_true(times <= 3)
    end
    assert.equal(3, kinds)
    fds.close(r, w)
  end)
end)

describe("KQ_FILTER_WRITE", function()
  it("tells of room, not of none", function()
    local kq = assert(select.kqueue())
    local r, w = fds.pipe()
    change(kq, w, WRITE)
    assert.equal(65536, one(kq).data)
    fds.fill(w)
    none(kq)
    fds.take(r)
    assert.is_true(one(kq).data >= select.PIPE_BUF)
    kq:close()
    fds.close(r, w)
  end)

  it("tells when nobody reads", function()
    local kq = assert(select.kqueue())
    local r, w = fds.pipe()
    change(kq, w, WRITE)
    fds.close(r)
    assert.equal(EOF, one(kq).flags)
    kq:close()
    fds.close(w)
  end)

  it("and READ of one descriptor have states of their own", function()
    local kq = assert(select.kqueue())
    local a, b = fds.pair()
    change(kq, a, READ, ADD + CLEAR)
    change(kq, a, WRITE)
    fds.put(b)
    assert.equal(2, #kq:control(nil, 4, 0))
    assert.equal(WRITE, one(kq).filter)
    change(kq, a, WRITE, DISABLE)
    none(kq)
    fds.put(b)
    assert.equal(READ, one(kq).filter)
    change(kq, a, READ, DELETE)
    change(kq, a, WRITE, ENABLE)
    assert.equal(WRITE, one(kq).filter)
    kq:close()
    fds.close(a, b)
  end)
end)

describe("KQ_FILTER_TIMER", function()
  local kq
  before_each(function() kq = assert(select.kqueue()) end)
  after_each(function() kq:close() end)

  local function wait_until(instant)
    while tl.now() < instant do end -- blocks, so that expirations gather
  end

  both("counts milliseconds, and what it missed", function()
    local start = tl.now()
    change(kq, 1, TIMER, ADD, 0, 5)
    local first = one(kq)
    assert.is_true(tl.now() - start >= 0.005)
    assert.is_true(first.data >= 1)
    wait_until(start + 0.032)
    local total = first.data + one(kq).data
    assert.is_true(total >= 6 and total <= (tl.now() - start) / 0.005, total)
    change(kq, 1, TIMER, DELETE)
    kq:close()
    kq = assert(select.kqueue())
  end)

  it("counts in other units", function()
    for unit, data in pairs { NSECONDS = 2000000, USECONDS = 2000, MSECONDS = 2 } do
      local start = tl.now()
      change(kq, 1, TIMER, ADD + ONESHOT, select["KQ_NOTE_" .. unit], data)
      local event = one(kq)
      assert.is_true(tl.now() - start >= 0.002)
      assert.is_true(tl.now() - start < 1)
      assert.same({ ONESHOT, 1 }, { event.flags, event.data })
    end
    change(kq, 1, TIMER, ADD, select.KQ_NOTE_SECONDS, 2 ^ 53) -- saturates
    none(kq)
    change(kq, 1, TIMER, ADD + ONESHOT, 0, 0)
    one(kq)
    change(kq, 2, TIMER, ADD, select.KQ_NOTE_USECONDS, 0) -- as 1
    assert.is_true(one(kq).data >= 1)
  end)

  it("goes by an instant of the wall clock", function()
    local past = math.floor(tl.time()) - 10
    change(kq, 1, TIMER, ADD, select.KQ_NOTE_ABSTIME + select.KQ_NOTE_SECONDS, past)
    for _ = 1, 2 do assert.equal(1, one(kq).data) end -- stays, as BSD's
    change(kq, 1, TIMER, ADD + CLEAR, select.KQ_NOTE_ABSTIME + select.KQ_NOTE_SECONDS, past)
    assert.equal(1, one(kq).data)
    none(kq)
    local soon = math.ceil(tl.time() * 1e3) + 5
    change(kq, 1, TIMER, ADD + ONESHOT, select.KQ_NOTE_ABSTIME, soon)
    one(kq)
    assert.is_true(tl.time() * 1e3 >= soon)
    none(kq)
  end)

  it("starts anew when it is added again", function()
    change(kq, 1, TIMER, ADD, 0, 1)
    wait_until(tl.now() + 0.003)
    change(kq, 1, TIMER, ADD, 0, 60000)
    none(kq)
    change(kq, 1, TIMER, ADD, 0, 1)
    one(kq)
  end)

  it("goes on while it is disabled, and is silent once deleted", function()
    change(kq, 1, TIMER, ADD + DISABLE, 0, 1)
    wait_until(tl.now() + 0.005)
    none(kq)
    change(kq, 1, TIMER, ENABLE)
    assert.is_true(one(kq).data >= 4)
    change(kq, 1, TIMER, DELETE)
    assert.same({}, kq:control(nil, 4, 0.005))
  end)

  it("is one of many", function()
    for i = 1, 200 do change(kq, i, TIMER, ADD + ONESHOT, 0, 1, i) end
    local seen, count = {}, 0
    while count < 200 do
      local events = kq:control(nil, 1000, 5)
      assert.is_true(#events > 0)
      for _, event in ipairs(events) do
        assert.is_nil(seen[event.ident])
        assert.equal(event.ident, event.udata)
        seen[event.ident] = true
        count = count + 1
      end
    end
    none(kq)
  end)
end)

describe("KQ_FILTER_SIGNAL", function()
  local function send(number) assert.equal(0, C.kill(C.getpid(), number)) end

  both("counts what was delivered, and ends nothing", function()
    local kq = assert(select.kqueue())
    change(kq, SIGTERM, SIGNAL, ADD, 0, 0, "term")
    none(kq)
    send(SIGTERM)
    local event = one(kq)
    assert.same({ SIGTERM, SIGNAL, 1, "term" },
      { event.ident, event.filter, event.data, event.udata })
    none(kq)
    change(kq, SIGRTMIN, SIGNAL)
    for _ = 1, 20 do send(SIGRTMIN) end
    assert.equal(20, one(kq).data)
    kq:close()
  end)

  it("counts while it is disabled", function()
    local kq = assert(select.kqueue())
    change(kq, SIGRTMIN, SIGNAL, ADD + DISABLE)
    send(SIGRTMIN)
    send(SIGRTMIN)
    none(kq)
    change(kq, SIGRTMIN, SIGNAL, ADD) -- keeps what was counted
    assert.equal(2, one(kq).data)
    kq:close()
  end)

  it("is one queue's, until that lets it go; what came to it is dropped then", function()
    local kq, other = assert(select.kqueue()), assert(select.kqueue())
    change(kq, SIGUSR1, SIGNAL)
    fails("EBUSY", "kqueue.control SIGNAL 10: device or resource busy",
      other:control({ kevent(SIGUSR1, SIGNAL) }, 0))
    send(SIGUSR1) -- would end this process
    change(kq, SIGUSR1, SIGNAL, DELETE)
    change(other, SIGUSR1, SIGNAL)
    none(other)
    send(SIGUSR1)
    one(other)
    other:close()
    change(kq, SIGUSR1, SIGNAL)
    assert.equal(EBUSY, assert(select.kqueue()):control({ kevent(SIGUSR1, SIGNAL) }, 1)[1].data)
    kq:close()
    support.collect()
  end)

  it("leaves a signal as it was once the queue is closed", function()
    local r = support.run([[
      local select = require "timerlua.select"
      local kq = select.kqueue()
      kq:control({ select.kevent(12, select.KQ_FILTER_SIGNAL) }, 0)
      os.execute("kill -USR2 $PPID")
      print(#kq:control(nil, 1, 5))
      kq:close()
      io.stdout:flush()
      os.execute("kill -USR2 $PPID")
      print("not reached")]])
    assert.equal("1\n", r.out)
    assert.equal(128 + SIGUSR2, r.code)
  end)
end)

describe("KQ_FILTER_VNODE", function()
  local kq, folder, path, file
  local ALL = 0x7f
  before_each(function()
    kq = assert(select.kqueue())
    folder = support.shell("mktemp -d").out:match("[^\n]+")
    path = folder .. "/file"
    support.write(path, "hello")
    file = assert(io.open(path, "r+"))
    file:setvbuf("no")
  end)
  after_each(function()
    kq:close()
    if io.type(file) == "file" then file:close() end
    support.shell("rm -rf " .. folder)
  end)

  local function notes(event)
    local list = {}
    for _, name in ipairs { "DELETE", "WRITE", "EXTEND", "ATTRIB", "LINK", "RENAME", "REVOKE" } do
      if bit.band(event.fflags, select["KQ_NOTE_" .. name]) ~= 0 then list[#list + 1] = name end
    end
    return table.concat(list, " ")
  end

  local function sh(command)
    assert.equal(0, support.shell(("cd %s && %s"):format(folder, command)).code)
  end

  it("tells what became of a file", function()
    change(kq, file, VNODE, ADD + CLEAR, ALL)
    none(kq)
    for _, step in ipairs {
      { "printf H | dd of=file conv=notrunc 2>/dev/null", "WRITE" },
      { "echo more >>file", "WRITE EXTEND" },
      { "chmod 600 file", "ATTRIB" },
      { "touch -d 2001-01-01 file", "ATTRIB" },
      { "ln file other", "LINK" },
      { "mv file third", "RENAME" },
      { "rm third", "DELETE LINK" },
      { "echo x >fourth; mv fourth other", "DELETE LINK" },
    } do
      sh(step[1])
      assert.equal(step[2], notes(one(kq)), step[1])
      none(kq)
    end
    assert.equal(0, C.ftruncate(kevent(file).ident, 1))
    assert.equal("WRITE", notes(one(kq)))
  end)

  it("tells only what was asked for", function()
    change(kq, file, VNODE, ADD + CLEAR, select.KQ_NOTE_RENAME)
    sh("echo x >>file; chmod 600 file")
    none(kq)
    sh("mv file other")
    assert.equal("RENAME", notes(one(kq)))
  end)

  it("gathers, and stays without CLEAR", function()
    change(kq, file, VNODE, ADD, ALL)
    sh("echo x >>file; chmod 600 file")
    for _ = 1, 2 do assert.equal("WRITE EXTEND ATTRIB", notes(one(kq))) end
    change(kq, file, VNODE, ADD + CLEAR, ALL)
    one(kq)
    none(kq)
    change(kq, file, VNODE, DISABLE)
    sh("chmod 644 file")
    none(kq)
    change(kq, file, VNODE, ENABLE)
    assert.equal("ATTRIB", notes(one(kq)))
    change(kq, file, VNODE, ADD + ONESHOT, ALL)
    sh("chmod 600 file; chmod 644 file")
    one(kq)
    assert.equal("ENOENT", _G.select(3, kq:control({ kevent(file, VNODE, DELETE) }, 0)))
  end)

  it("tells what became of a directory", function()
    local fd = fds.open(folder)
    change(kq, fd, VNODE, ADD + CLEAR, ALL)
    for _, step in ipairs {
      { "touch new", "WRITE" },
      { "rm new", "WRITE" },
      { "mv file other", "WRITE EXTEND" },
      { "mkdir sub", "WRITE LINK" },
      { "rmdir sub", "WRITE LINK" },
      { "chmod 755 .", "ATTRIB" },
    } do
      sh(step[1])
      local got, links = notes(one(kq)), step[2]:gsub(" LINK", "")
      -- not every file system counts folders as links
      assert.truthy(got == step[2] or got == links, step[1] .. ": " .. got)
    end
    sh("echo x >>other; chmod 600 other")
    none(kq)
    fds.close(fd)
  end)

  it("serves two descriptors of one file, each until it is closed", function()
    local other = assert(io.open(path))
    change(kq, file, VNODE, ADD + CLEAR, ALL)
    change(kq, other, VNODE, ADD + CLEAR, select.KQ_NOTE_ATTRIB)
    sh("echo x >>file")
    assert.equal(kevent(file).ident, one(kq).ident)
    sh("chmod 600 file")
    assert.equal(2, #kq:control(nil, 4, 5))
    file:close()
    sh("chmod 644 file")
    assert.equal(kevent(other).ident, one(kq).ident)
    change(kq, other, VNODE, DELETE)
    sh("chmod 600 file")
    none(kq)
    other:close()
  end)

  it("wakes who waits", function()
    sockets.run(function()
      local kq = assert(select.kqueue())
      change(kq, file, VNODE, ADD + CLEAR, ALL)
      local task = tl.spawn(function() return notes(one(kq)) end)
      tl.sleep(0)
      file:write("x")
      assert.equal("WRITE", task:join())
      kq:close()
    end)
  end)
end)

describe("KQ_FILTER_PROC", function()
  both("tells how a child ended, and leaves it to be waited for", function()
    local kq = assert(select.kqueue())
    local r, w = fds.pipe()
    local pid = fork(function()
      C.fcntl(r, 4, ffi.cast("int", 0)) -- blocks
      fds.take(r)
      return 3
    end)
    change(kq, pid, PROC, ADD, select.KQ_NOTE_EXIT, 0, "child")
    none(kq)
    fds.put(w)
    local event = one(kq)
    assert.same({ pid, PROC, EOF + ONESHOT, select.KQ_NOTE_EXIT, 3 * 256, "child" },
      { event.ident, event.filter, event.flags, event.fflags, event.data, event.udata })
    none(kq)
    assert.equal(3 * 256, wait_for(pid))
    kq:close()
    fds.close(r, w)
  end)

  it("tells of one that a signal ended, also when it was before", function()
    local kq = assert(select.kqueue())
    local pid = fork(function() while true do C.kill(C.getpid(), 19) end end)
    assert.equal(0, C.kill(pid, SIGKILL))
    change(kq, pid, PROC, ADD, select.KQ_NOTE_EXIT)
    assert.equal(SIGKILL, one(kq).data)
    change(kq, pid, PROC) -- without a note it is told, too
    assert.same({ 0, SIGKILL }, (function(e) return { e.fflags, e.data } end)(one(kq)))
    assert.equal(SIGKILL, wait_for(pid))
    kq:close()
  end)

  it("tells of processes that are no children", function()
    local kq = assert(select.kqueue())
    local pipe = io.popen("sh -c 'echo $$; exec >&-; read x' <&0 & read x")
    local pid = tonumber(pipe:read("*l"))
    change(kq, pid, PROC, ADD, select.KQ_NOTE_EXIT)
    C.kill(pid, SIGKILL)
    local event = one(kq)
    assert.same({ pid, select.KQ_NOTE_EXIT, 0 }, { event.ident, event.fflags, event.data })
    pipe:close()
    kq:close()
  end)
end)

describe("a kqueue that is waited for", function()
  both("is over when its time is, and never early", function()
    local kq = assert(select.kqueue())
    for _, timeout in ipairs { 0, 0.0003, 0.01, "5ms", 2000000LL } do
      local start = tl.now()
      assert.same({}, kq:control(nil, 1, timeout))
      local least = ({ ["5ms"] = 0.005 })[timeout] or (type(timeout) == "number" and timeout) or 0.002
      assert.is_true(tl.now() - start >= least)
      assert.is_true(tl.now() - start < 2)
    end
    local start = tl.now()
    assert.same({}, kq:control({ kevent(1, TIMER, ADD, 0, 1) }, 0)) -- waits for nothing
    assert.is_true(tl.now() - start < 1)
    kq:close()
  end)

  it("is over in its time though news comes that is not enough", function()
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

-- Random changes against a plain model: what is level-triggered is told exactly
-- when the model says so.
describe("a kqueue under random changes", function()
  for _, seed in ipairs(support.seeds(3)) do
    it("tells what a model tells, seed " .. seed, function()
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
    local before = select.kqueue()
    print(before ~= nil)
  ]]

  local function run(call, n, code)
    local r = faults.run(SCRIPT, call, n, code)
    assert.equal("", r.err)
    assert.equal(0, r.code)
    return r.out
  end

  it("tells which, and goes on with the others", function()
    local whole = "true\ntrue\n"
    assert.equal(whole, run("none", 0, "EMFILE"))
    for call, who in pairs { timerfd_create = "TIMER 1", signalfd = "SIGNAL 10",
      pidfd_open = "PROC 1", inotify_init1 = "VNODE %d+", inotify_add_watch = "VNODE %d+" } do
      for _, code in ipairs { "EMFILE", "ENFILE", "ENOMEM", "ENOSPC" } do
        local out = run(call, 1, code)
        assert.truthy(out:match(("^kqueue.control %s: %s\t%s\n%s$"):format(who,
          faults.text(code), code, whole)), call .. ": " .. out)
      end
    end
    assert.truthy(run("eventfd", 2, "EMFILE"):match("^kqueue.control READ %d+: [%l ]+\tEMFILE\n"
      .. whole .. "$"))
    assert.truthy(run("timerfd_settime", 1, "EINVAL"):match("^kqueue.control TIMER 1: "))
  end)

  it("tells that the queue could not be opened", function()
    assert.equal(("kqueue: %s\tEMFILE\n"):format(faults.text("EMFILE")),
      run("epoll_create1", 2, "EMFILE"))
  end)

  it("tells of every epoll_ctl and allocation that fails", function()
    local plain = faults.run(SCRIPT, "epoll_ctl", 0, "ENOSPC")
    local told = 0
    for n = 1, plain.calls do
      local r = faults.run(SCRIPT, "epoll_ctl", n, "ENOSPC")
      local _, times = r.out:gsub("ENOSPC", "")
      if times > 0 or r.err:lower():find(faults.text("ENOSPC"), 1, true) then told = told + 1 end
      assert.truthy(r.code == 0 or r.code == 1, r.err)
    end
    assert.is_true(told >= 5, told)
  end)
end)
