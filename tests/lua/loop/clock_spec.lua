local support = require "tests.support"
local tl = require "timerlua"
local clock = tl.clock
local raised = support.raised

local log

local function note(name)
  return function() log[#log + 1] = name end
end

before_each(function()
  log = {}
  clock.virtual { start = 1000 }
end)

after_each(function()
  local left = tl.handles()
  for _, row in ipairs(left) do row.handle:cancel() end
  clock.virtual():advance(0)
  clock.real()
  assert.equal(0, #left)
  assert.equal(0, tl.stats().handles)
end)

describe("virtual time", function()
  it("passes a day of one-second ticks, each at its own second", function()
    local wrong = 0
    local timer = tl.every(1, function(t)
      if tl.time() ~= 1000 + t.runs then wrong = wrong + 1 end
    end)
    clock:advance("1d")
    assert.same({ 86400, 0, 0 }, { timer.runs, timer.missed_total, wrong })
    timer:cancel()
    assert.equal(87400, tl.time())
  end)

  it("stands still while code runs", function()
    local before, wall = tl.now(), tl.time()
    for _ = 1, 1e6 do log.x = os.clock() end
    assert.equal(before, tl.now())
    assert.equal(wall, tl.time())
  end)

  it("moves all clocks alike when it advances", function()
    local now, boottime = tl.now(), clock.boottime()
    clock:advance(2.5)
    assert.near(2.5, tl.now() - now, 1e-6)
    assert.near(2.5, clock.boottime() - boottime, 1e-6)
    assert.equal(1002.5, tl.time())
  end)

  it("jumps from deadline to deadline when the loop is run", function()
    for _, delay in ipairs { 3600, 60, 86400 } do
      tl.after(delay, function() log[#log + 1] = tl.time() - 1000 end)
    end
    tl.run()
    assert.same({ 60, 3600, 86400 }, log)
  end)

  it("lets tasks sleep for hours", function()
    local task = tl.spawn(function()
      for _ = 1, 3 do
        tl.sleep("1h")
        log[#log + 1] = tl.time()
      end
      return "rested"
    end)
    assert.equal("rested", task:join())
    assert.same({ 4600, 8200, 11800 }, log)
  end)

  it("starts at any form of instant", function()
    clock.virtual { start = "2030-01-31T09:30:00Z" }
    assert.equal(1896082200, tl.time())
    clock.virtual { start = 1800000000000000000LL }
    assert.equal(1800000000, tl.time())
  end)

  it("is reported by is_virtual and ended by real", function()
    assert.is_true(clock.is_virtual())
    clock:advance("10w")
    clock.real()
    assert.is_false(clock.is_virtual())
    assert.is_true(math.abs(tl.time() - os.time()) < 5)
  end)

  it("refuses to end while timers wait, and ends after them", function()
    local timer = tl.after(1, note "x")
    assert.equal("HERE: timerlua.clock.real: timers still wait on virtual time",
      raised(function() clock.real() end))
    assert.is_true(clock.is_virtual())
    timer:cancel()
    clock.real()
    assert.is_false(clock.is_virtual())
  end)

  it("leaves timers that were set in real time the rest of their wait", function()
    clock.real()
    tl.after(3600, note "x")
    clock.virtual()
    clock:advance(3599)
    assert.same({}, log)
    clock:advance(1)
    assert.same({ "x" }, log)
  end)

  it("lets real timers run on time after it went far ahead", function()
    clock:advance("5000w")
    clock.real()
    local before, late = tl.now()
    tl.after(0.02, function(t) late = t.late end)
    tl.run()
    assert.is_true(tl.now() - before >= 0.02)
    assert.is_true(late < 5)
  end)

  it("refuses unknown options", function()
    assert.equal('HERE: timerlua.clock.virtual: an option must be one of start, got "begin"',
      raised(function() clock.virtual { begin = 1 } end))
    assert.equal("HERE: timerlua.clock.virtual: options must be a table, got 5",
      raised(function() clock.virtual(5) end))
    assert.equal("HERE: timerlua.clock.virtual: start must be seconds since 1970, "
      .. "from 0 to 9223372036, got -1",
      raised(function() clock.virtual { start = -1 } end))
  end)

  it("comes by --virtual-time on the command line", function()
    local r = support.run({ "--virtual-time", "-e",
      "local tl = require 'timerlua'; local n = tl.now(); tl.sleep('3w'); "
        .. "print(tl.now() - n >= 1814400)" }, { timeout = 20 })
    assert.same({ "true\n", "", 0 }, { r.out, r.err, r.code })
  end)
end)

-- A busy life made of random numbers; returns what happened, and when.
local function random_life(seed)
  math.randomseed(seed)
  clock.virtual { start = 1000 }
  local events, timers = {}, {}
  local function act(timer, id)
    events[#events + 1] = { id, tl.time() }
    if #events > 400 then return timer:cancel() end
    local other = timers[math.random(#timers)]
    local what = math.random(5)
    if what == 1 and other.active then other:reset(math.random(0, 9))
    elseif what == 2 then tl.sleep(math.random(0, 3))
    elseif what == 3 then tl.spawn(function() events[#events + 1] = { -id, tl.time() } end)
    end
  end
  for id = 1, 20 do timers[id] = tl.every(math.random(1, 6), act, id) end
  tl.run()
  return events
end

describe("determinism", function()
  it("repeats a random life event for event", function()
    for _, seed in ipairs(support.seeds(3)) do
      local first, second = random_life(seed), random_life(seed)
      assert.is_true(#first > 300, "TEST_SEED=" .. seed)
      assert.same(first, second, "TEST_SEED=" .. seed)
    end
  end)
end)

describe("advance", function()
  it("runs what is due on the way, each at its instant, and stops there", function()
    local function stamp(_, name) log[#log + 1] = name .. "@" .. tl.time() end
    tl.after(2, stamp, "b")
    tl.after(1, stamp, "a")
    local late = tl.after(3, stamp, "c")
    clock:advance(2)
    assert.same({ "a@1001", "b@1002" }, log)
    assert.equal(1002, tl.time())
    late:cancel()
  end)

  it("runs timers that the last timers set with no delay", function()
    tl.after(1, function()
      tl.after(0, function() tl.after(0, note "grandchild") end)
    end)
    clock:advance(1)
    assert.same({ "grandchild" }, log)
  end)

  it("returns although a timer re-arms itself with no delay forever", function()
    local timer = tl.after(0, function(t)
      log[1] = (log[1] or 0) + 1
      t:reset(0)
    end)
    clock:advance(0)
    timer:cancel()
    assert.is_true(log[1] >= 1)
    assert.equal(1000, tl.time())
  end)

  it("takes a text, nanoseconds and 0, and returns the clock", function()
    assert.is_true(rawequal(clock, clock:advance("1m")))
    clock:advance(500000000LL)
    clock:advance(0)
    assert.equal(1060.5, tl.time())
  end)

  it("works in a callback, which waits meanwhile", function()
    tl.after(1, function()
      clock:advance(5)
      log[#log + 1] = tl.time()
    end)
    tl.after(3, note "between")
    clock:advance(10)
    assert.same({ "between", 1006 }, log)
  end)

  it("is refused in real time, at the caller's line", function()
    clock.real()
    for _, method in ipairs { "advance", "step_wall", "suspend" } do
      assert.equal("HERE: timerlua.clock:" .. method .. ": only virtual time can be "
        .. "moved; call tl.clock.virtual() or use --virtual-time",
        raised(function() clock[method](clock, 1) end))
    end
  end)

  it("names the fault of its argument, at the caller's line", function()
    assert.equal("HERE: timerlua.clock:advance: delay must be a number >= 0, got -1",
      raised(function() clock:advance(-1) end))
    assert.equal("HERE: timerlua.clock:suspend: delay must be a number >= 0, got -1",
      raised(function() clock:suspend(-1) end))
    assert.equal("HERE: timerlua.clock:step_wall: seconds must be a number, got nil",
      raised(function() clock:step_wall() end))
    assert.equal("HERE: timerlua.clock:step_wall: seconds must be a number, got "
      .. tostring(0 / 0), raised(function() clock:step_wall(0 / 0) end))
  end)
end)

describe("a stepped wall clock", function()
  it("leaves relative timers alone", function()
    tl.after(10, note "x")
    clock:step_wall(3600)
    clock:advance(9)
    clock:step_wall(-7200)
    clock:advance("999ms")
    assert.same({}, log)
    clock:advance("1ms")
    assert.same({ "x" }, log)
  end)

  it("moves the wall clock alone", function()
    local now, boottime = tl.now(), clock.boottime()
    clock:step_wall(-0.5)
    assert.same({ now, boottime, 999.5 }, { tl.now(), clock.boottime(), tl.time() })
  end)

  it("brings timers on the wall clock nearer when stepped forward", function()
    tl.at(5000, note "x")
    clock:step_wall(3999)
    clock:advance(0.5)
    assert.same({}, log)
    clock:advance(0.5)
    assert.same({ "x" }, log)
  end)

  it("runs timers at once that a step forward has passed", function()
    tl.at(5000, note "late")
    tl.at(4000, note "later")
    clock:step_wall(3600 * 24)
    clock:advance(0)
    assert.same({ "later", "late" }, log)
  end)

  it("moves timers on the wall clock away when stepped back", function()
    tl.at(1010, note "x")
    clock:advance(9)
    clock:step_wall(-100)
    clock:advance(100.5)
    assert.same({}, log)
    clock:advance(0.5)
    assert.same({ "x" }, log)
  end)

  it("does not run a wall-clock ticker twice for one tick", function()
    local timer = tl.timer { every = 10, clock = "realtime", fn = function(t)
      log[#log + 1] = t.due
    end }
    clock:advance(20)
    clock:step_wall(-15)
    clock:advance(25)
    timer:cancel()
    assert.same({ 1010, 1020, 1030 }, log)
  end)

  it("is reported to clock_jump handlers, with its size and direction", function()
    local subscription = tl.on("clock_jump", function(seconds) log[#log + 1] = seconds end)
    clock:step_wall(3600)
    clock:step_wall(-0.25)
    clock:advance(60)
    subscription:cancel()
    clock:step_wall(5)
    assert.same({ 3600, -0.25 }, log)
  end)

  it("is reported even when a callback steps it", function()
    local subscription = tl.on("clock_jump", function(seconds) log[#log + 1] = seconds end)
    tl.after(1, function() clock:step_wall(7) end)
    clock:advance(2)
    subscription:cancel()
    assert.same({ 7 }, log)
  end)

  it("is not reported for a step of zero, nor for time that passes", function()
    local subscription = tl.on("clock_jump", note "jump")
    clock:step_wall(0)
    clock:advance("1w")
    subscription:cancel()
    assert.same({}, log)
  end)

  it("lets a clock_jump handler wait", function()
    local subscription = tl.on("clock_jump", function()
      tl.sleep(1)
      log[#log + 1] = tl.time()
    end)
    clock:step_wall(50)
    clock:advance(2)
    subscription:cancel()
    assert.same({ 1051 }, log)
  end)

  it("reports a clock_jump handler that throws, and calls the next one", function()
    local subscriptions = {
      tl.on("error", function(err) log[#log + 1] = err end),
      tl.on("clock_jump", function() error("broken", 0) end),
      tl.on("clock_jump", note "second"),
    }
    clock:step_wall(1)
    for _, subscription in ipairs(subscriptions) do subscription:cancel() end
    table.sort(log)
    assert.same({ "broken", "second" }, log)
  end)

  it("cannot go below 1970", function()
    clock:step_wall(-5000)
    assert.equal(0, tl.time())
  end)
end)

describe("a suspend", function()
  it("counts for boottime and the wall clock, not for monotonic", function()
    local now, boottime = tl.now(), clock.boottime()
    clock:suspend("1h")
    assert.equal(now, tl.now())
    assert.near(3600, clock.boottime() - boottime, 1e-6)
    assert.equal(4600, tl.time())
  end)

  it("leaves monotonic timers the rest of their wait, and makes boottime timers due", function()
    tl.after(10, note "monotonic")
    tl.timer { after = 10, clock = "boottime", fn = note "boottime" }
    tl.at(1010, note "realtime")
    clock:suspend(60)
    clock:advance(0)
    table.sort(log)
    assert.same({ "boottime", "realtime" }, log)
    clock:advance(10)
    assert.equal("monotonic", log[3])
  end)

  it("gives one tick for the many that it slept through, with their count", function()
    local timer = tl.timer { every = 1, clock = "boottime", fn = function(t)
      log[#log + 1] = { t.runs, t.missed }
    end }
    clock:suspend(60.5)
    clock:advance(0)
    assert.same({ { 1, 59 } }, log)
    clock:advance(0.5)
    timer:cancel()
    assert.same({ { 1, 59 }, { 2, 0 } }, log)
  end)

  it("is reported as a jump of the wall clock", function()
    local subscription = tl.on("clock_jump", function(seconds) log[#log + 1] = seconds end)
    clock:suspend(60)
    subscription:cancel()
    assert.same({ 60 }, log)
  end)
end)

describe("slack", function()
  it("is read and set, and refuses values that are not durations", function()
    local before = tl.slack()
    assert.equal(0.00025, tl.slack("250us"))
    assert.equal(0, tl.slack(0))
    assert.is_false(pcall(tl.slack, -1))
    assert.equal(0, tl.slack())
    tl.slack(before)
  end)

  it("does not affect virtual time", function()
    local before = tl.slack()
    tl.slack(1)
    tl.after(0.25, function(t) log[#log + 1] = t.late end)
    tl.after(0.5, function(t) log[#log + 1] = t.late end)
    clock:advance(2)
    tl.slack(before)
    assert.same({ 0, 0 }, log)
  end)
end)
