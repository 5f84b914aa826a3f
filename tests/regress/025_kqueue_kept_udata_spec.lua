-- A kqueue kept the udata of closed descriptors as long as it lived.
local fds = require "tests.support.descriptors"
local select = require "timerlua.select"
local support = require "tests.support"

describe("a kqueue", function()
  it("releases the udata of closed descriptors", function()
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

  it("releases it when a closed descriptor is deleted", function()
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

  it("keeps the udata of open descriptors, and reports it", function()
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
