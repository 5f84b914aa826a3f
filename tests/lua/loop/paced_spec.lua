-- Debounced and throttled functions: when they run, and with which arguments.
local support = require "tests.support"
local tl = require "timerlua"
local virtual = require "tests.support.virtual"
local clock = tl.clock

virtual.each(before_each, after_each)

local runs, start -- "4@0.4" is the call with the argument 4, run 0.4 s after the start

before_each(function()
  runs, start = {}, tl.now()
end)

local function at() return math.floor((tl.now() - start) * 1e9 + 0.5) / 1e9 end

local function note(what)
  runs[#runs + 1] = ("%s@%s"):format(what, at())
end

-- Call at instants, each call with its number, and then let everything run. The delays are
-- whole nanoseconds, as differences of the instants are not.
local function call_at(instants, paced)
  for i, instant in ipairs(instants) do
    clock:advance(1LL * math.floor((instant - at()) * 1e9 + 0.5))
    paced(i)
  end
  clock:advance(20)
  return table.concat(runs, " ")
end

describe("a debounced function", function()
  local CALLS = { 0, 0.5, 1.2, 3, 10 }

  it("runs once after each burst, with the latest call's arguments", function()
    assert.equal("3@2.2 4@4 5@11", call_at(CALLS, tl.debounce(1, note)))
  end)

  it("runs before each burst, with the first call's arguments", function()
    assert.equal("1@0 4@3 5@10", call_at(CALLS, tl.debounce(1, note,
      { leading = true, trailing = false })))
  end)

  it("runs before and after a burst, and once for a burst of one call", function()
    assert.equal("1@0 3@2.2 4@3 5@10", call_at(CALLS, tl.debounce(1, note, { leading = true })))
  end)

  it("lets no call wait longer than max_wait", function()
    local paced = tl.debounce("1s", note, { max_wait = "2s" })
    assert.equal("4@2 8@4 10@5.5", call_at({ 0, 0.5, 1, 1.5, 2.1, 2.6, 3.1, 3.6, 4.1, 4.5 },
      paced))
  end)

  it("counts max_wait from the leading run", function()
    local paced = tl.debounce(1, note, { leading = true, max_wait = 2 })
    assert.equal("1@0 4@2 5@3.1", call_at({ 0, 0.6, 1.2, 1.8, 2.1 }, paced))
  end)

  it("runs again in a burst after max_wait, also without the trailing edge", function()
    local paced = tl.debounce(1, note, { leading = true, trailing = false, max_wait = 2 })
    assert.equal("1@0 4@2.1", call_at({ 0, 0.7, 1.4, 2.1, 2.8 }, paced))
  end)

  it("with no delay runs on the next turn", function()
    local paced = tl.debounce(0, note)
    paced(1)
    paced(2)
    assert.same({}, runs)
    tl.sleep(0)
    assert.same({ "2@0" }, runs)
  end)

  it("may wait a hundred years", function()
    local paced = tl.debounce(100 * 365 * 86400, note)
    paced(1)
    clock:advance(99 * 365 * 86400)
    assert.same({}, runs)
    clock:advance(365 * 86400)
    assert.equal(1, #runs)
  end)
end)

describe("a throttled function", function()
  local CALLS = { 0, 0.3, 0.6, 1.5, 5, 5.2, 8 }

  it("runs at both edges of each period with calls", function()
    assert.equal("1@0 3@1 4@2 5@5 6@6 7@8", call_at(CALLS, tl.throttle(1, note)))
  end)

  it("runs on the leading edge only", function()
    assert.equal("1@0 4@1.5 5@5 7@8", call_at(CALLS, tl.throttle(1, note, { trailing = false })))
  end)

  it("runs on the trailing edge only", function()
    assert.equal("3@1 4@2 6@6 7@9", call_at(CALLS, tl.throttle(1, note, { leading = false })))
  end)

  it("keeps its period after a trailing run", function() -- lodash 4 runs 4 at once
    assert.equal("1@0 2@1 3@2", call_at({ 0, 0.1, 1.2 }, tl.throttle(1, note)))
  end)

  it("with no period runs each call at once", function()
    local paced = tl.throttle(0, note)
    paced(1)
    paced(2)
    assert.same({ "1@0", "2@0" }, runs)
  end)

  it("runs also while the loop does not turn", function()
    local code = [[
      local count, called = 0, 0
      local paced = tl.throttle("5ms", function(now)
        assert(tl.now() - called >= 0.005)
        count, called = count + 1, now
      end)
      local till = tl.now() + 0.1
      repeat local now = tl.now() paced(now) until now > till
      paced:cancel()
      print(count >= 2 and count <= 22) -- one more after the end, if the last turn is late]]
    support.says("true\n", code)
  end)

  it("goes on when virtual time ends", function()
    local paced = tl.throttle("1h", note)
    clock:advance("50h")
    paced(1)
    clock.real()
    paced(2)
    clock.virtual()
    assert.equal(2, #runs)
  end)
end)

describe("a paced function", function()
  it("passes all arguments on, nils too", function()
    local got
    for _, make in ipairs { tl.debounce, tl.throttle } do
      for n = 0, 21 do
        local given = {}
        for i = 1, n, 2 do given[i] = i end
        local paced = make(1, function(...) got = { n = select("#", ...), ... } end)
        paced(0)
        paced(1, 2, 3, 4, 5, 6, 7, 8, 9)
        paced(unpack(given, 1, n))
        clock:advance(2)
        given.n = n
        assert.same(given, got)
      end
    end
  end)

  it("is called with at most 4000 arguments", function()
    local paced = tl.debounce(1, function(...) runs[1] = select("#", ...) end)
    paced(unpack({}, 1, 4000))
    assert.equal("HERE: timerlua.debounce: arguments must be at most 4000, got 4001",
      support.raised(function() paced(unpack({}, 1, 4001)) end))
    clock:advance(1)
    assert.same({ 4000 }, runs)
  end)

  it("tells whether a call is served", function()
    assert.is_true(tl.debounce(1, note)(1))
    local paced = tl.throttle(1, note, { trailing = false })
    assert.is_true(paced(2))
    assert.is_false(paced(3))
    clock:advance(2)
    assert.same({ "2@0", "1@1" }, runs)
  end)

  it("is a callback, too", function()
    local timer
    local paced = tl.throttle(1, function(t) note(t == timer) end)
    timer = tl.every(0.25, paced)
    clock:advance(1.8)
    timer:cancel()
    clock:advance(2)
    assert.same({ "true@0.25", "true@1.25", "true@2.25" }, runs)
  end)

  it("says what it is", function()
    local paced = tl.debounce(1, note)
    local site = ("paced_spec.lua:%d"):format(debug.getinfo(note, "S").linedefined)
    assert.truthy(tostring(paced):find("timerlua.Paced: debounce (", 1, true))
    assert.truthy(tostring(paced):find(site .. ")", 1, true))
    paced.name = "index"
    paced(1)
    assert.truthy(tostring(paced):find(site .. "), pending", 1, true))
    local row
    for _, each in ipairs(tl.handles()) do row = each.kind == "timer" and each or row end
    assert.equal("index", row.name)
    assert.truthy(row.site:find(site, 1, true))
    paced:cancel()
  end)
end)

describe("cancel", function()
  it("forgets the call that waits, and begins anew", function()
    local paced = tl.throttle(1, note)
    assert.is_false(paced:cancel())
    paced(1)
    paced(2)
    assert.is_true(paced.pending)
    assert.is_true(paced:cancel())
    assert.is_false(paced.pending)
    paced(3)
    clock:advance(5)
    assert.same({ "1@0", "3@0" }, runs)
  end)

  it("leaves a run that has begun alone", function()
    local paced = tl.debounce(1, function(x)
      tl.sleep(2)
      note(x)
    end)
    paced(1)
    clock:advance(1.5)
    assert.is_false(paced:cancel())
    paced(2)
    assert.is_true(paced:cancel())
    paced(3)
    clock:advance(9)
    assert.same({ "1@3", "3@5" }, runs)
  end)
end)

describe("flush", function()
  it("runs the call that waits, at once, and that counts as a run", function()
    local paced = tl.throttle(1, note)
    assert.is_false(paced:flush())
    paced(1)
    paced(2, "x")
    clock:advance(0.5)
    assert.is_true(paced:flush())
    assert.is_false(paced.pending)
    assert.is_false(paced:flush())
    paced(3)
    clock:advance(5)
    assert.same({ "1@0", "2@0.5", "3@1.5" }, runs)
  end)

  it("passes an error on to its caller", function()
    local paced = tl.debounce(1, error)
    paced("boom", 0)
    assert.same({ false, "boom" }, { pcall(paced.flush, paced) })
    assert.is_false(paced.pending)
  end)

  it("during a run has the next one follow at once", function()
    local paced = tl.debounce(10, function(x)
      note(x)
      tl.sleep(2)
    end)
    paced(1)
    clock:advance(11)
    paced(2)
    assert.is_true(paced:flush())
    clock:advance(30)
    assert.same({ "1@10", "2@12" }, runs)
  end)
end)

describe("a run that waits", function()
  local function slow(x)
    note(x)
    tl.sleep(2.5)
    note("end of " .. x)
  end

  it("in the loop is not overlapped by the next one", function()
    local paced = tl.debounce(1, slow)
    paced(1)
    clock:advance(1.2)
    paced(2)
    clock:advance(1.5)
    paced(3)
    clock:advance(10)
    assert.same({ "1@1", "end of 1@3.5", "3@3.7", "end of 3@6.2" }, runs)
  end)

  it("in a caller is not overlapped by the next one", function()
    local paced = tl.throttle(1, slow)
    tl.spawn(paced, 1)
    clock:advance(0.1)
    paced(2)
    clock:advance(1)
    paced(3)
    clock:advance(10)
    assert.same({ "1@0", "end of 1@2.5", "3@2.5", "end of 3@5" }, runs)
  end)

  it("drops calls without the trailing edge", function()
    local paced = tl.throttle(1, slow, { trailing = false })
    tl.spawn(paced, 1)
    clock:advance(2)
    assert.is_false(paced(2))
    clock:advance(2)
    tl.spawn(paced, 3)
    clock:advance(5)
    assert.same({ "1@0", "end of 1@2.5", "3@4", "end of 3@6.5" }, runs)
  end)

  it("may be cut short, and the next run follows", function()
    local paced = tl.throttle(1, slow)
    local task = tl.spawn(paced, 1)
    clock:advance(0.5)
    paced(2)
    task:cancel()
    clock:advance(5)
    assert.same({ "1@0", "2@1", "end of 2@3.5" }, runs)
  end)

  it("may call the function again", function()
    local paced
    paced = tl.throttle(1, function(x)
      note(x)
      if x < 3 then paced(x + 1) end
    end)
    paced(1)
    clock:advance(5)
    assert.same({ "1@0", "2@1", "3@2" }, runs)
  end)
end)

describe("an error", function()
  it("in the loop is reported as an error of the timer", function()
    local paced = tl.debounce(1, function() error("boom", 0) end)
    local seen = virtual.collecting_errors(function()
      paced()
      clock:advance(1)
      paced()
      clock:advance(1)
    end)
    assert.equal(2, #seen)
    assert.equal("boom", seen[1].err)
    assert.equal("timer", seen[1].source.kind)
  end)

  it("on the leading edge goes to the caller", function()
    local paced = tl.throttle(1, function(x)
      note(x)
      if x == 1 then error("boom", 0) end
    end)
    assert.same({ false, "boom" }, { pcall(paced, 1) })
    paced(2)
    clock:advance(5)
    assert.same({ "1@0", "2@1" }, runs)
  end)

  it("in the loop keeps the site and the lines of the function", function()
    local r = support.run [[local tl = require "timerlua"
local function fail() error "boom" end
tl.debounce(0, fail)()]]
    assert.truthy(r.err:find("timerlua: error in timer %([^\n]*:2%): [^\n]*:2: boom\n"), r.err)
    assert.is_nil(r.err:find("paced", 1, true), r.err)
    assert.equal(1, r.code)
  end)
end)

describe("a million events a second", function()
  local function flood(paced)
    local armed = tl.stats().armed
    for _ = 1, 1000 do
      for i = 1, 1000 do paced(i) end
      tl.sleep("1ms")
    end
    clock:advance(5)
    return tl.stats().armed - armed
  end

  it("arm a debounced function's timer once in a delay", function()
    assert.is_true(flood(tl.debounce(0.1, note)) <= 12)
    assert.same({ "1000@1.099" }, runs)
  end)

  it("arm a throttled function's timer once for each run", function()
    assert.is_true(flood(tl.throttle(0.1, note)) <= 10)
    assert.equal(11, #runs)
  end)

  it("arm none without the trailing edge", function()
    assert.equal(0, flood(tl.throttle(0.1, note, { trailing = false })))
    assert.equal(0, flood(tl.debounce(0.1, note, { leading = true, trailing = false })))
    assert.equal(11, #runs)
  end)
end)

describe("D14: a paced function", function()
  local function made(keep, i)
    local paced
    paced = (i % 2 == 0 and tl.debounce or tl.throttle)(1, keep(function(x)
      note(x and paced and "run") -- it refers to the function made from it
    end))
    return paced
  end

  it("runs although only its timer knows it", function()
    for i = 1, 4 do
      local paced = made(function(fn) return fn end, i)
      paced(1)
      paced(2)
    end
    support.collect()
    clock:advance(1)
    assert.equal(6, #runs)
  end)

  it("is garbage when no call waits", function()
    local function make(keep)
      for i = 1, 8 do
        local paced = made(keep, i)
        if i > 2 then paced(keep(function() return paced end)) end
        if i > 4 then tostring(paced) end
        clock:advance(i)
      end
    end
    assert.equal(0, virtual.survivors(make))
  end)

  it("is garbage when its call was cancelled or flushed", function()
    local function make(keep)
      for i = 1, 4 do
        local paced = made(keep, i)
        paced(1)
        paced(keep(function() return paced end))
        paced[i > 2 and "cancel" or "flush"](paced)
      end
    end
    assert.equal(0, virtual.survivors(make))
  end)

  it("does not keep arguments that it has passed on", function()
    local paced = tl.debounce(1, note)
    local function make(keep)
      paced(1, 2, 3, 4, 5, keep(function() end))
      paced(keep(function() end))
      clock:advance(1)
    end
    assert.equal(0, virtual.survivors(make))
  end)
end)

describe("a mistaken option", function()
  local function expect(message, call)
    assert.equal("HERE: timerlua." .. message, support.raised(call))
  end

  it("is told by its name, the rule and the value", function()
    expect('debounce: an option must be one of leading, max_wait, trailing, got "maxWait"; '
      .. 'did you mean "max_wait"?', function() tl.debounce(1, note, { maxWait = 2 }) end)
    expect('throttle: an option must be one of leading, trailing, got "trailin"; '
      .. 'did you mean "trailing"?', function() tl.throttle(1, note, { trailin = true }) end)
    expect("debounce: leading must be true or false, got 1",
      function() tl.debounce(1, note, { leading = 1 }) end)
    expect("throttle: leading and trailing must not both be false: fn would never run",
      function() tl.throttle(1, note, { leading = false, trailing = false }) end)
    expect("debounce: leading and trailing must not both be false: fn would never run",
      function() tl.debounce(1, note, { trailing = false }) end)
    expect("debounce: max_wait must be at least the delay, got 0.5",
      function() tl.debounce(1, note, { max_wait = 0.5 }) end)
    expect("debounce: max_wait must be a number >= 0, got -1",
      function() tl.debounce(1, note, { max_wait = -1 }) end)
    expect("throttle: period must be a number >= 0, got nan",
      function() tl.throttle(0 / 0, note) end)
    expect("debounce: fn must be a function, got 5", function() tl.debounce(1, 5) end)
    expect("throttle: options must be a table, got true",
      function() tl.throttle(1, note, true) end)
  end)

  it("is told for methods, too", function()
    local paced = tl.debounce(1, note)
    expect("paced:flush: it must be called on a function that tl.debounce or tl.throttle "
      .. "returned, as paced:flush(), got nil", function() paced.flush() end)
    expect('paced: no method "stop"; did you mean paced:cancel?', function() paced:stop() end)
  end)
end)
