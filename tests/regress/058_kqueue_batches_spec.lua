-- A kqueue reported at most 64 readable descriptors, 64 writable descriptors and 64
-- timers in one call, where 256 were promised.
local fds = require "tests.support.descriptors"
local select = require "timerlua.select"

local COUNT = 200

describe("kqueue.control", function()
  it("reports all readable descriptors, up to 256 events", function()
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

  it("reports all expired timers", function()
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
