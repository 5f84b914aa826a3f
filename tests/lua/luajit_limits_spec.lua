-- Effects of LuaJIT's limits that scripts must not see.
local tl = require "timerlua"
local virtual = require "tests.support.virtual"
local clock = tl.clock

local log, note = virtual.log, virtual.note

virtual.each(before_each, after_each)

describe("D30: LuaJIT's limits", function()
  it("do not show with 2,000 distinct callbacks, waiting and not", function()
    local sum = 0
    for i = 1, 2000 do
      local code = ("return function(tl, add) %s add(%d) end"):format(
        i % 4 == 0 and "tl.sleep(1)" or "", i)
      local fn = assert(loadstring(code))()
      tl.after(1, function() fn(tl, function(n) sum = sum + n end) end)
    end
    clock:advance(3)
    assert.equal(2000 * 2001 / 2, sum)
  end)

  it("do not show when waiting code is compiled", function()
    local ticks = 0
    local timer = tl.every(1, function() ticks = ticks + 1 end)
    for _ = 1, 2000 do clock:advance(1) end
    for _ = 1, 2000 do tl.sleep(0.5) end
    timer:cancel()
    assert.equal(3000, ticks)
  end)

  it("do not show in 20,000 nested waits of one task", function()
    local task = tl.spawn(function()
      local n = 0
      for _ = 1, 20000 do
        tl.sleep(0)
        n = n + 1
      end
      return n
    end)
    assert.equal(20000, task:join())
  end)

  it("do not round nanoseconds that no double holds", function()
    clock.virtual { start = 1800000000000000000LL }
    for i = 9, 1, -1 do tl.at(1800000000000000000LL + i, note(i)) end
    for i = 1, 9 do
      clock:advance(1LL)
      assert.equal(i, log[#log])
    end
    assert.equal(9, #log)
  end)

  it("are not reached by callbacks into Lua: none are made", function()
    local pipe = assert(io.popen("grep -rnE 'ffi[.]cast *[(] *\"[^\"]*[(] *[*]' lua runtime; true"))
    local found = pipe:read("*a")
    pipe:close()
    assert.equal("", found)
  end)
end)
