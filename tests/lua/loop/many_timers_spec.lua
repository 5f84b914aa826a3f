-- A hundred thousand timers.
local support = require "tests.support"
local tl = require "timerlua"
local virtual = require "tests.support.virtual"
local clock = tl.clock

local log = virtual.log

local function nothing() end

local function count_up(t)
  log[1] = log[1] + 1
  return t
end

virtual.each(before_each, after_each)

describe("D28: 100,000 timers", function()
  local many = 100000

  it("arm, fire each once, and give their memory back", function()
    local before = tl.stats().bytes
    log[1] = 0
    for i = 1, many do tl.after((i * 7919) % many / 1000, count_up) end
    assert.equal(many, tl.stats().handles)
    local most = tl.stats().bytes - before
    assert.is_true(most <= 96 * many)
    clock:advance(200)
    assert.equal(many, log[1])
    assert.is_true(tl.stats().bytes - before < most / 8)
  end)

  it("give their memory back when cancelled, without expiring", function()
    local before, timers = tl.stats().bytes, {}
    log[1] = 0
    for i = 1, many do timers[i] = tl.after(3600 + i, count_up) end
    for i = 1, many do
      if i % 10000 ~= 0 then timers[i]:cancel() end
    end
    local after = tl.stats().bytes
    assert.equal(10, tl.stats().handles)
    clock:advance("2d")
    assert.equal(10, log[1])
    assert.is_true(after - before < 12 * many)
    assert.is_true(tl.stats().bytes - before < 2 * many)
  end)

  it("need no descriptor each", function()
    clock.real()
    local timers, before = {}, support.count_fds()
    for i = 1, many do timers[i] = tl.after(3600 + i % 100, nothing) end
    tl.sleep(0.001)
    local now = support.count_fds()
    for i = 1, many do timers[i]:cancel() end
    assert.is_true(now - before <= 1)
  end)

  it("hold no Lua memory after they are gone", function()
    support.collect()
    local before = collectgarbage("count")
    for _ = 1, 2 do
      local timers = {}
      for i = 1, many do timers[i] = tl.after(i, function() return i end, i) end
      for i = 1, many do timers[i]:cancel() end
      timers = nil -- luacheck: ignore
      clock:advance(0)
      support.collect()
    end
    assert.is_true(collectgarbage("count") - before < 2048)
  end)

  it("of which one cancels all others in the same batch run alone", function()
    local timers = {}
    log[1] = 0
    timers[1] = tl.after(1, function()
      for i = 2, 5000 do timers[i]:cancel() end
    end)
    for i = 2, 5000 do timers[i] = tl.after(1, count_up) end
    clock:advance(1)
    assert.equal(0, log[1])
  end)
end)
