-- A kqueue told of at most 64 descriptors that can be read, 64 that can be
-- written and 64 timers in one call, where 256 were promised.
local fds = require "tests.support.descriptors"
local select = require "timerlua.select"
local support = require "tests.support"

local COUNT = 200

describe("kqueue.control", function()
  it("tells of all that can be read, up to 256 events", function()
    local kq, open, changes = assert(select.kqueue()), {}, {}
    for i = 1, COUNT do
      local r, w = fds.pipe()
      fds.put(w)
      open[#open + 1], open[#open + 2] = r, w
      changes[i] = select.kevent(r)
    end
    assert.same({}, kq:control(changes, 0))
    local seen, count = {}, 0
    for _, event in ipairs(assert(kq:control(nil, 1000, 0))) do
      assert.is_nil(seen[event.ident])
      seen[event.ident], count = true, count + 1
    end
    assert.equal(COUNT, count)
    assert.equal(COUNT, #kq:control(nil, 256, 0))
    assert.equal(10, #kq:control(nil, 10, 0))
    kq:close()
    fds.close(unpack(open))
  end)

  it("tells of all timers that are over", function()
    local kq, changes = assert(select.kqueue()), {}
    for i = 1, COUNT do
      changes[i] = select.kevent{ ident = i, filter = select.KQ_FILTER_TIMER, data = 1,
        fflags = select.KQ_NOTE_NSECONDS, flags = select.KQ_EV_ADD + select.KQ_EV_ONESHOT }
    end
    assert.same({}, kq:control(changes, 0))
    local count = #kq:control(nil, 1000, 1)
    assert.equal(COUNT, count)
    assert.same({}, kq:control(nil, 1000, 0))
    kq:close()
  end)
end)

describe("kqueue.control of a signal", function()
  it("refuses those that the C library keeps for itself", function()
    for _, number in ipairs { 32, 33 } do
      local kq = assert(select.kqueue())
      local ok, message, code = kq:control({ select.kevent{ ident = number,
        filter = select.KQ_FILTER_SIGNAL } }, 0)
      assert.is_nil(ok)
      assert.equal(("kqueue.control SIGNAL %d: invalid argument"):format(number), message)
      assert.equal("EINVAL", code)
      kq:close()
    end
    local kq = assert(select.kqueue())
    assert.same({}, kq:control({ select.kevent{ ident = 34, filter = select.KQ_FILTER_SIGNAL } },
      0))
    kq:close()
  end)
end)

-- What was given with descriptors that were closed was kept as long as the queue.
describe("a kqueue", function()
  it("lets go of the udata of descriptors that were closed", function()
    local kq, kept, open = assert(select.kqueue()), setmetatable({}, { __mode = "k" }), {}
    for i = 1, 100 do
      local r, w = fds.pipe()
      local udata = {}
      kept[udata] = true
      kq:control({ select.kevent(r, i % 2 == 0 and select.KQ_FILTER_READ
        or select.KQ_FILTER_VNODE, nil, nil, nil, udata) }, 0)
      if i % 3 == 0 then kq:control({ select.kevent(r, nil, nil, nil, nil, udata) }, 0) end
      open[#open + 1], open[#open + 2] = r, w
    end
    fds.close(unpack(open))
    for _ = 1, 1000 do kq:control(nil, 1, 0) end
    support.collect()
    assert.is_nil(next(kept))
    kq:close()
  end)

  it("lets go of it when a descriptor that was closed is deleted", function()
    local kq, kept = assert(select.kqueue()), setmetatable({}, { __mode = "k" })
    local r, w = fds.pipe()
    do
      local udata = {}
      kept[udata] = true
      kq:control({ select.kevent(r, nil, nil, nil, nil, udata) }, 0)
    end
    fds.close(r, w)
    local ok, _, code = kq:control({ select.kevent(r, nil, select.KQ_EV_DELETE) }, 0)
    assert.is_nil(ok)
    assert.equal("EBADF", code)
    support.collect()
    assert.is_nil(next(kept))
    kq:close()
  end)

  it("keeps what is open, and reports its udata", function()
    local kq = assert(select.kqueue())
    local r, w = fds.pipe()
    local udata = {}
    kq:control({ select.kevent(r, nil, nil, nil, nil, udata) }, 0)
    for _ = 1, 100 do assert.same({}, kq:control(nil, 1, 0)) end
    fds.put(w)
    assert.equal(udata, kq:control(nil, 1, 0)[1].udata)
    kq:control({ select.kevent(r, nil, select.KQ_EV_ADD + select.KQ_EV_ONESHOT, nil, nil, udata) },
      0)
    assert.equal(udata, kq:control(nil, 1, 0)[1].udata)
    kq:close()
    fds.close(r, w)
  end)
end)
