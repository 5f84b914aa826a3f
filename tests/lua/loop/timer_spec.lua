local support = require "tests.support"
local tl = require "timerlua"
local clock = tl.clock
local raised = support.raised

local log

local function nothing() end

local function note(name)
  return function() log[#log + 1] = name end
end

before_each(function()
  log = {}
  clock.virtual()
end)

after_each(function()
  local left = tl.handles()
  for _, row in ipairs(left) do row.handle:cancel() end
  clock.virtual():advance(0)
  clock.real()
  assert.equal(0, #left)
  assert.equal(0, tl.stats().handles)
end)

describe("a wrong argument", function()
  local units = 'a number of seconds or a text like "250ms" or "1h30m" '
    .. "(units w d h m s ms us ns, largest first)"
  local timer

  before_each(function() timer = tl.every(1, nothing) end)
  after_each(function() timer:cancel() end)

  local cases = {
    { "after a negative delay", function() tl.after(-1, nothing) end,
      "after: delay must be a number >= 0, got -1" },
    { "after NaN", function() tl.after(0 / 0, nothing) end,
      "after: delay must be a number >= 0, got " .. tostring(0 / 0) },
    { "after minus infinity", function() tl.after(-math.huge, nothing) end,
      "after: delay must be a number >= 0, got -inf" },
    { "after infinity", function() tl.after(math.huge, nothing) end,
      "after: delay must be at most 9223372036 s (292 years), got inf" },
    { "after a word", function() tl.after("soon", nothing) end,
      "after: delay must be " .. units .. ', got "soon"' },
    { "after a boolean", function() tl.after(true, nothing) end,
      'after: delay must be a number of seconds, a text like "250ms" or '
      .. "int64 nanoseconds, got true" },
    { "after no delay", function() tl.after(nil, nothing) end,
      'after: delay must be a number of seconds, a text like "250ms" or '
      .. "int64 nanoseconds, got nil" },
    { "after no callback", function() tl.after(1) end,
      "after: callback must be a function, got nil" },
    { "after negative nanoseconds", function() tl.after(-1LL, nothing) end,
      "after: delay must be nanoseconds >= 0, got -1LL" },
    { "every zero", function() tl.every(0, nothing) end,
      "every: period must be more than 0, got 0" },
    { "every zero in words", function() tl.every("0s", nothing) end,
      'every: period must be more than 0, got "0s"' },
    { "every word", function() tl.every("soon", nothing) end,
      "every: period must be " .. units .. ', got "soon"' },
    { "every NaN", function() tl.every(0 / 0, nothing) end,
      "every: period must be a number >= 0, got " .. tostring(0 / 0) },
    { "every without callback", function() tl.every(1, "print") end,
      'every: callback must be a function, got "print"' },
    { "at a negative second", function() tl.at(-1, nothing) end,
      "at: when must be seconds since 1970, from 0 to 9223372036, got -1" },
    { "at a word", function() tl.at("noon", nothing) end,
      'at: when must be an instant like "2030-01-31T09:30:00Z", '
        .. '"2030-01-31 09:30:00+01:00" or "2030-01-31 09:30" (local time), '
        .. 'got "noon"' },
    { "at a table without year", function() tl.at({ month = 1, day = 1 }, nothing) end,
      "at: when.year must be a number, got nil" },
    { "at a boolean", function() tl.at(true, nothing) end,
      "at: when must be seconds, an ISO 8601 text or an os.date table, got true" },
    { "at without callback", function() tl.at(1, nil) end,
      "at: callback must be a function, got nil" },
    { "timer without options", function() tl.timer(5) end,
      "timer: options must be a table, got 5" },
    { "timer with a misspelt option", function() tl.timer { evry = 1, fn = nothing } end,
      "timer: an option must be one of after, args, at, clock, every, first, fn, limit, "
        .. 'name, got "evry"; did you mean "every"?' },
    { "timer without a time", function() tl.timer { fn = nothing } end,
      "timer: exactly one of after, every and at must be given, got 0" },
    { "timer with two times", function() tl.timer { after = 1, every = 1, fn = nothing } end,
      "timer: exactly one of after, every and at must be given, got 2" },
    { "timer every zero", function() tl.timer { every = 0, fn = nothing } end,
      "timer: every must be more than 0, got 0" },
    { "timer after less than 0", function() tl.timer { after = -1, fn = nothing } end,
      "timer: after must be a number >= 0, got -1" },
    { "timer first word", function() tl.timer { every = 1, first = "soon", fn = nothing } end,
      "timer: first must be " .. units .. ', got "soon"' },
    { "timer at word", function() tl.timer { at = -1, fn = nothing } end,
      "timer: at must be seconds since 1970, from 0 to 9223372036, got -1" },
    { "timer without fn", function() tl.timer { after = 1 } end,
      "timer: fn must be a function, got nil" },
    { "timer with wrong args", function() tl.timer { after = 1, fn = nothing, args = 3 } end,
      "timer: args must be a table, got 3" },
    { "timer with limit 0", function() tl.timer { every = 1, fn = nothing, limit = 0 } end,
      "timer: limit must be an integer >= 1, got 0" },
    { "timer on no clock", function() tl.timer { every = 1, fn = nothing, clock = "sun" } end,
      'timer: clock must be "monotonic", "realtime" or "boottime", got "sun"' },
    { "timer at on monotonic",
      function() tl.timer { at = 1, fn = nothing, clock = "monotonic" } end,
      'timer: at follows the realtime clock: clock must be that, got "monotonic"' },
    { "timer with a wrong name", function() tl.timer { after = 1, fn = nothing, name = 5 } end,
      "timer: name must be a string, got 5" },
    { "reset to less than 0", function() timer:reset(-1) end,
      "timer:reset: delay must be a number >= 0, got -1" },
    { "reset to NaN", function() timer:reset(0 / 0) end,
      "timer:reset: delay must be a number >= 0, got " .. tostring(0 / 0) },
    { "reset to a word", function() timer:reset("soon") end,
      "timer:reset: delay must be " .. units .. ', got "soon"' },
    { "reset to a negative period", function() timer:reset(1, -1) end,
      "timer:reset: period must be a number >= 0, got -1" },
    { "next half", function() timer:next(0.5) end,
      "timer:next: n must be an integer >= 1, got 0.5" },
    { "a field that is not", function() return timer.dew .. "" end,
      'timer: no field or method "dew"' },
    { "setting a field", function() timer.due = 3 end,
      'timer: only the field name can be set, got "due"' },
    { "naming with a number", function() timer.name = 3 end,
      "timer: name must be a string, got 3" },
    { "sleep less than 0", function() tl.sleep(-1) end,
      "sleep: delay must be a number >= 0, got -1" },
    { "sleep word", function() tl.sleep("soon") end,
      "sleep: delay must be " .. units .. ', got "soon"' },
    { "spawn of no function", function() tl.spawn(3) end,
      "spawn: fn must be a function, got 3" },
    { "stop with a wrong code", function() tl.stop(256) end,
      "stop: code must be an integer from 0 to 255, got 256" },
    { "on an unknown event", function() tl.on("party", nothing) end,
      'on: event must be "error", "stop", "clock_jump", "reload" or "post", got "party"' },
    { "on without handler", function() tl.on("error") end,
      "on: fn must be a function, got nil" },
    { "watch of no descriptor", function() tl.watch("x", "r", nothing) end,
      'watch: fd must be a descriptor, an io file or have fileno(), got "x"' },
    { "watch of a wrong interest", function() tl.watch(0, "x", nothing) end,
      'watch: interest must be "r", "w", "rw" or "edge", got "x"' },
    { "watch without callback", function() tl.watch(0, "r") end,
      "watch: fn must be a function, got nil" },
  }
  for _, case in ipairs(cases) do
    local title, call, message = case[1], case[2], case[3]
    it("is reported at the caller's line: " .. title, function()
      assert.equal("HERE: timerlua." .. message, raised(call))
    end)
  end
end)

describe("after", function()
  it("runs once, at its instant and not a nanosecond before", function()
    tl.after(0.5, note "x")
    clock:advance(499999999LL)
    assert.same({}, log)
    clock:advance(1LL)
    assert.same({ "x" }, log)
    clock:advance("1h")
    assert.same({ "x" }, log)
  end)

  it("takes a number, a text and int64 nanoseconds alike", function()
    local from = tl.time()
    local function stamp(_, name) log[#log + 1] = { name, tl.time() - from } end
    clock.virtual { start = 1000 }
    from = 1000
    tl.after(1.5, stamp, "number")
    tl.after("1s500ms", stamp, "text")
    tl.after(1500000000LL, stamp, "int64")
    tl.after(1500000000ULL, stamp, "uint64")
    clock:advance(2)
    assert.same({ { "number", 1.5 }, { "text", 1.5 }, { "int64", 1.5 },
      { "uint64", 1.5 } }, log)
  end)

  it("counts from the moment of the call", function()
    clock:advance(0.75)
    tl.after(0.5, note "x")
    clock:advance(0.499)
    assert.same({}, log)
    clock:advance(0.001)
    assert.same({ "x" }, log)
  end)

  it("hands the callback its timer and the arguments, nils included", function()
    local got
    local timer = tl.after(0, function(...) got = { n = select("#", ...), ... } end,
      nil, "b", nil)
    clock:advance(0)
    assert.equal(4, got.n)
    assert.is_true(rawequal(timer, got[1]))
    assert.same({ nil, "b", nil }, { got[2], got[3], got[4] })
  end)

  it("calls an object with __call", function()
    local object = setmetatable({}, {
      __call = function(self, timer, x) log = { self, type(timer), x } end,
    })
    tl.after(1, object, 7)
    clock:advance(1)
    assert.is_true(rawequal(object, log[1]))
    assert.same({ "cdata", 7 }, { log[2], log[3] })
  end)

  it("runs with no delay on the next turn, not inside the call", function()
    tl.after(0, function()
      tl.after(0, note "inner")
      log[#log + 1] = "outer"
    end)
    assert.same({}, log)
    clock:advance(0)
    assert.same({ "outer", "inner" }, log)
  end)

  it("lets its timer be the key of a table", function()
    local names = {}
    local function look(timer) log[#log + 1] = names[timer] end
    names[tl.after(1, look)] = "first"
    names[tl.after(2, look)] = "second"
    clock:advance(2)
    assert.same({ "first", "second" }, log)
  end)
end)

describe("every", function()
  it("ticks at start + k * period", function()
    clock.virtual { start = 1000 }
    local timer = tl.every(0.25, function() log[#log + 1] = tl.time() end)
    clock:advance(1)
    timer:cancel()
    assert.same({ 1000.25, 1000.5, 1000.75, 1001 }, log)
  end)

  it("keeps its grid although callbacks wait", function()
    clock.virtual { start = 1000 }
    local timer = tl.every(1, function()
      log[#log + 1] = tl.time()
      tl.sleep(0.75)
    end)
    clock:advance(3.9)
    timer:cancel()
    assert.same({ 1001, 1002, 1003 }, log)
  end)

  it("skips and counts the ticks that a late loop missed", function()
    local timer = tl.timer { every = 1, clock = "boottime", fn = function(t)
      log[#log + 1] = { t.runs, t.missed, t.missed_total, t.late }
    end }
    clock:suspend(4.5)
    clock:advance(0.5)
    clock:suspend(2.25)
    clock:advance(0)
    timer:cancel()
    assert.same({ { 1, 3, 3, 3.5 }, { 2, 0, 3, 0 }, { 3, 1, 4, 1.25 } }, log)
  end)

  it("counts the ticks that came while its callback waited", function()
    local timer = tl.every(1, function(t)
      log[#log + 1] = { t.runs, t.missed, t.missed_total }
      if t.runs == 1 then tl.sleep(2.5) end
    end)
    clock:advance(5)
    timer:cancel()
    assert.same({ { 1, 0, 0 }, { 2, 2, 2 }, { 3, 0, 2 } }, log)
  end)

  it("repeats its arguments on each tick", function()
    local timer = tl.every("1s", function(_, a, b) log[#log + 1] = a .. b end, "x", "y")
    clock:advance(2)
    timer:cancel()
    assert.same({ "xy", "xy" }, log)
  end)
end)

describe("at", function()
  before_each(function() clock.virtual { start = 1000 } end)

  it("runs at an instant of the wall clock", function()
    tl.at(1060, function() log[#log + 1] = tl.time() end)
    clock:advance(59.5)
    assert.same({}, log)
    clock:advance(0.5)
    assert.same({ 1060 }, log)
  end)

  it("runs on the next turn when the instant is past", function()
    tl.at(10, note "past")
    assert.same({}, log)
    clock:advance(0)
    assert.same({ "past" }, log)
  end)

  it("keeps past instants: their order, when they were due and how late they are", function()
    clock.virtual { start = 1000 }
    local function tell(t, name) log[#log + 1] = { name, t.due, t.late } end
    tl.at(950, tell, "second")
    tl.at(900, tell, "first")
    local moved = tl.at(2000, tell, "moved")
    moved:reset(0)
    clock:advance(0)
    assert.same({ { "first", 900, 100 }, { "second", 950, 50 }, { "moved", 1000, 0 } }, log)
  end)

  it("runs exactly at int64 nanoseconds that no double holds", function()
    clock.virtual { start = 1800000000000000000LL }
    tl.at(1800000000000000002LL, note "second")
    tl.at(1800000000000000001LL, note "first")
    clock:advance(1LL)
    assert.same({ "first" }, log)
    clock:advance(1LL)
    assert.same({ "first", "second" }, log)
  end)

  it("is never early for an instant in whole seconds", function()
    clock.virtual { start = 1799999999999999999LL }
    local timer = tl.at(1800000000, note "x")
    clock:advance(0)
    assert.same({}, log)
    clock:advance(1LL)
    assert.same({ "x" }, log)
    timer:cancel()
  end)

  it("takes ISO 8601 text and an os.date table", function()
    tl.at("1970-01-01T00:17:00Z", note "text")
    tl.at(os.date("*t", 1080), note "table")
    clock:advance(20)
    assert.same({ "text" }, log)
    clock:advance(60)
    assert.same({ "text", "table" }, log)
  end)
end)

describe("the full form", function()
  it("has the first tick where requested and the others on its grid", function()
    clock.virtual { start = 1000 }
    local timer = tl.timer { every = 0.5, first = 1.25, fn = function()
      log[#log + 1] = tl.time()
    end }
    clock:advance(2.5)
    timer:cancel()
    assert.same({ 1001.25, 1001.75, 1002.25 }, log)
  end)

  it("ticks at once with first = 0", function()
    local timer = tl.timer { every = 1, first = 0, fn = note "x" }
    clock:advance(0)
    assert.same({ "x" }, log)
    clock:advance(1)
    timer:cancel()
    assert.same({ "x", "x" }, log)
  end)

  it("ends after as many callbacks as limit allows", function()
    local timer = tl.timer { every = 1, limit = 3, fn = function(t)
      log[#log + 1] = t.runs
    end }
    clock:advance(10)
    assert.same({ 1, 2, 3 }, log)
    assert.is_false(timer.active)
  end)

  it("passes args, nils included when n says so", function()
    local got
    tl.timer { after = 1, args = { nil, 2, nil, n = 3 }, fn = function(_, ...)
      got = { n = select("#", ...), ... }
    end }
    clock:advance(1)
    assert.same({ n = 3, nil, 2, nil }, got)
  end)

  it("shows the user's callback as its site, limited or not", function()
    local function fn() end
    local info = debug.getinfo(fn, "S")
    local site = info.short_src .. ":" .. info.linedefined
    local plain = tl.timer { every = 1, fn = fn }
    local limited = tl.timer { every = 1, fn = fn, limit = 2 }
    local sites = { plain.site, limited.site }
    plain:cancel()
    limited:cancel()
    assert.same({ site, site }, sites)
  end)

  it("counts the runs of a one-shot that re-arms itself up to its limit", function()
    local timer = tl.timer { after = 1, limit = 3, fn = function(t)
      log[#log + 1] = t.runs
      if t.runs < 3 and #log < 5 then t:reset(1) end
    end }
    clock:advance(10)
    assert.same({ 1, 2, 3 }, log)
    assert.is_false(timer.active)
  end)

  it("leaves nothing behind when refused", function()
    local before = tl.stats().handles
    assert.is_false(pcall(tl.timer, { after = 1, fn = nothing, name = {} }))
    assert.is_false(pcall(tl.timer, { at = "x", fn = nothing }))
    assert.equal(before, tl.stats().handles)
  end)
end)

describe("cancel", function()
  it("returns whether it cancelled, and is harmless when repeated", function()
    local timer = tl.after(1, note "x")
    assert.is_true(timer:cancel())
    assert.is_false(timer:cancel())
    clock:advance(2)
    assert.same({}, log)
  end)

  it("is false for a timer that has run", function()
    local timer = tl.after(1, note "x")
    clock:advance(1)
    assert.is_false(timer:cancel())
    assert.same({ "x" }, log)
  end)

  it("ends a paused timer", function()
    local timer = tl.after(1, note "x"):pause()
    assert.is_true(timer:cancel())
    assert.is_false(timer.paused)
    clock:advance(2)
    assert.same({}, log)
  end)

  it("never hits a later timer that took the old one's place", function()
    local old = tl.after(1, note "old")
    old:cancel()
    tl.after(1, note "new")
    assert.is_false(old:cancel())
    clock:advance(1)
    assert.same({ "new" }, log)
  end)
end)

describe("reset", function()
  it("counts from the call, and returns the timer", function()
    local timer = tl.after(1, note "x")
    clock:advance(0.75)
    assert.is_true(rawequal(timer, timer:reset(1)))
    clock:advance(0.75)
    assert.same({}, log)
    clock:advance(0.25)
    assert.same({ "x" }, log)
  end)

  it("without delay repeats the delay that it was made with", function()
    local timer = tl.after(2, note "x")
    clock:advance(1.5)
    timer:reset()
    clock:advance(1.5)
    assert.same({}, log)
    clock:advance(0.5)
    assert.same({ "x" }, log)
  end)

  it("moves a periodic timer's grid to the new instant", function()
    clock.virtual { start = 1000 }
    local timer = tl.every(1, function() log[#log + 1] = tl.time() end)
    clock:advance(1.5)
    timer:reset(0.25)
    clock:advance(2.25)
    timer:cancel()
    assert.same({ 1001, 1001.75, 1002.75, 1003.75 }, log)
  end)

  it("changes the period with its second argument", function()
    clock.virtual { start = 1000 }
    local timer = tl.every(1, function() log[#log + 1] = tl.time() end)
    timer:reset("500ms", 2)
    assert.equal(2, timer.period)
    clock:advance(3)
    timer:cancel()
    assert.same({ 1000.5, 1002.5 }, log)
  end)

  it("makes a periodic timer a one-shot with period 0", function()
    local timer = tl.every(1, note "x"):reset(1, 0)
    assert.is_nil(timer.period)
    clock:advance(5)
    assert.same({ "x" }, log)
  end)

  it("leaves the timer as it was when an argument is refused", function()
    local timer = tl.every(1, nothing)
    local due = timer.due
    assert.is_false(pcall(timer.reset, timer, -1, 5))
    assert.is_false(pcall(timer.reset, timer, 5, -1))
    local seen = { timer.period, timer.due }
    timer:cancel()
    assert.same({ 1, due }, seen)
  end)

  it("refuses a timer that has ended, at the caller's line, by its name", function()
    local timer = tl.after(1, nothing)
    timer.name = "tea"
    timer:cancel()
    assert.equal('HERE: timerlua.timer:reset: the timer "tea" has ended (it has '
      .. "run or was cancelled); make a new one if timer.active is false",
      raised(function() timer:reset(1) end))
    assert.equal('HERE: timerlua.timer:reset: the timer "tea" has ended (it has '
      .. "run or was cancelled); make a new one if timer.active is false",
      raised(function() timer:reset("1s") end))
  end)
end)

describe("pause and resume", function()
  it("keep the rest of the wait", function()
    local timer = tl.after(1, note "x")
    clock:advance(0.75)
    timer:pause()
    assert.near(0.25, timer.due, 1e-9)
    assert.is_true(timer.paused)
    assert.is_false(timer.active)
    clock:advance(100)
    assert.same({}, log)
    timer:resume()
    clock:advance(249999999LL)
    assert.same({}, log)
    clock:advance(1LL)
    assert.same({ "x" }, log)
  end)

  it("are harmless when repeated", function()
    local timer = tl.after(1, note "x"):resume()
    clock:advance(0.5)
    timer:pause():pause()
    clock:advance(5)
    timer:resume():resume()
    clock:advance(0.5)
    assert.same({ "x" }, log)
  end)

  it("work in the timer's own callback", function()
    local timer = tl.every(1, function(t)
      log[#log + 1] = t.runs
      t:pause()
    end)
    clock:advance(5)
    assert.same({ 1 }, log)
    timer:resume()
    clock:advance(5)
    timer:cancel()
    assert.same({ 1, 2 }, log)
  end)

  it("leave a wall-clock timer its instant", function()
    clock.virtual { start = 1000 }
    local timer = tl.at(1010, note "x"):pause()
    clock:advance(5)
    timer:resume()
    clock:advance(4.5)
    assert.same({}, log)
    clock:advance(0.5)
    assert.same({ "x" }, log)
  end)

  it("do not keep the loop running while paused", function()
    local timer = tl.after(1, note "x"):pause()
    tl.run()
    assert.same({}, log)
    timer:resume()
    tl.run()
    assert.same({ "x" }, log)
  end)

  it("are overtaken by reset", function()
    local timer = tl.after(1, note "x"):pause()
    timer:reset(0.5)
    assert.is_false(timer.paused)
    clock:advance(0.5)
    assert.same({ "x" }, log)
  end)

  it("refuse a timer that has ended", function()
    local timer = tl.after(1, nothing)
    timer:cancel()
    for _, method in ipairs { "pause", "resume", "ref", "unref" } do
      assert.equal("HERE: timerlua.timer:" .. method .. ": the timer has ended (it "
        .. "has run or was cancelled); make a new one if timer.active is false",
        raised(function() timer[method](timer) end))
    end
  end)
end)

describe("next", function()
  it("returns the n-th run to come", function()
    clock.virtual { start = 1000 }
    local timer = tl.timer { every = 2, clock = "realtime", fn = nothing }
    assert.same({ 1002, 1002, 1006 }, { timer:next(), timer:next(1), timer:next(3) })
    clock:advance(2)
    assert.equal(1004, timer:next())
    timer:cancel()
    assert.is_nil(timer:next())
  end)

  it("is in the timer's own callback the tick after this one", function()
    clock.virtual { start = 1000 }
    local timer = tl.timer { every = 2, clock = "realtime", fn = function(t)
      log = { t.due, t:next() }
    end }
    clock:advance(2)
    timer:cancel()
    assert.same({ 1002, 1004 }, log)
  end)

  it("is nil where there is no such run", function()
    local timer = tl.after(1, nothing)
    assert.is_nil(timer:next(2))
    assert.is_nil(timer:pause():next())
    timer:cancel()
  end)
end)

describe("the fields of a timer", function()
  it("show its state while it waits", function()
    clock.virtual { start = 1000 }
    local timer = tl.timer { every = 2, first = 3, clock = "realtime", fn = nothing,
      name = "tick" }
    local seen = { timer.due, timer.period, timer.runs, timer.missed,
      timer.missed_total, timer.late, timer.clock, timer.name, timer.active,
      timer.paused, timer.kind }
    timer:cancel()
    assert.same({ 1003, 2, 0, 0, 0, 0, "realtime", "tick", true, false, "timer" }, seen)
  end)

  it("show in the callback when it was due and how late it is", function()
    clock.virtual { start = 1000 }
    tl.at(1002, function(t) log = { t.due, t.late, t.runs } end)
    clock:step_wall(10.5)
    clock:advance(0)
    assert.same({ 1002, 8.5, 1 }, log)
  end)

  it("show small and odd latenesses", function()
    local timer = tl.timer { after = 0, clock = "boottime", fn = function(t) log = t.late end }
    clock:suspend(100000001LL)
    clock:advance(0)
    timer:cancel()
    assert.near(0.100000001, log, 1e-7)
  end)

  it("name the clock it follows", function()
    local a, b = tl.after(1, nothing), tl.at(tl.time() + 60, nothing)
    local c = tl.timer { every = 1, clock = "boottime", fn = nothing }
    local seen = { a.clock, b.clock, c.clock }
    for _, timer in ipairs { a, b, c } do timer:cancel() end
    assert.same({ "monotonic", "realtime", "boottime" }, seen)
  end)

  it("show where its callback was defined, with arguments or without", function()
    local function fn() end
    local info = debug.getinfo(fn, "S")
    local a, b = tl.after(1, fn), tl.after(1, fn, "x")
    local c = tl.after(1, print)
    local seen = { a.site, b.site, c.site }
    for _, timer in ipairs { a, b, c } do timer:cancel() end
    local site = info.short_src .. ":" .. info.linedefined
    assert.same({ site, site, "[C]" }, seen)
  end)

  it("are nil once it has ended, save its name", function()
    local timer = tl.timer { after = 1, fn = nothing, name = "tea" }
    clock:advance(1)
    for _, field in ipairs { "due", "late", "missed", "runs", "period", "site", "clock" } do
      assert.is_nil(timer[field])
    end
    assert.is_false(timer.active)
    assert.equal("tea", timer.name)
  end)

  it("show in its text", function()
    local timer = tl.timer { after = 1, fn = nothing, name = "tea" }
    local text = tostring(timer)
    timer:cancel()
    assert.truthy(text:find('"tea" (' .. debug.getinfo(nothing, "S").short_src, 1, true))
    assert.truthy(tostring(timer):find('"tea" (ended)', 1, true))
  end)
end)

describe("handles", function()
  it("list each live timer with all known facts", function()
    clock.virtual { start = 1000 }
    local timer = tl.timer { every = 2, clock = "realtime", fn = nothing, name = "tick" }
    clock:advance(5)
    local rows = tl.handles()
    local site = timer.site
    timer:cancel()
    assert.equal(1, #rows)
    assert.is_true(rawequal(timer, rows[1].handle))
    rows[1].handle = nil
    assert.same({ kind = "timer", name = "tick", site = site, due = 1006, period = 2,
      runs = 2, missed = 0, clock = "realtime", active = true, running = false,
      paused = false }, rows[1])
  end)
end)
