-- What timer runtimes get wrong first, one describe for each edge.
local bit = require "bit"
local ffi = require "ffi"
local support = require "tests.support"
local tl = require "timerlua"
local clock = tl.clock

ffi.cdef [[
int pipe2(int pipefd[2], int flags);
int close(int fd);
intptr_t write(int fd, const void *bytes, size_t count);
intptr_t read(int fd, void *bytes, size_t count);
]]
local O_NONBLOCK, O_CLOEXEC = 0x800, 0x80000 -- on Linux

local log, fds

local function note(name)
  return function() log[#log + 1] = name end
end

local function nothing() end

local function open_pipe()
  local ends = ffi.new("int[2]")
  assert.equal(0, ffi.C.pipe2(ends, bit.bor(O_NONBLOCK, O_CLOEXEC)))
  return ends[0], ends[1]
end

-- Keep the processor busy for so many seconds of real time.
local function busy(seconds)
  local till = tl.now() + seconds
  repeat until tl.now() >= till
end

-- A late loop, made on virtual time: timers on boottime find the time gone.
local function on_boottime(delay, fn)
  return tl.timer { after = delay, clock = "boottime", fn = fn }
end

-- Note the errors that nobody caught while `fn` runs.
local function collecting_errors(fn)
  local seen = {}
  local subscription = tl.on("error", function(err, traceback, source)
    seen[#seen + 1] = { err = err, traceback = traceback, source = source }
  end)
  local ok, message = pcall(fn)
  subscription:cancel()
  assert(ok, message)
  return seen
end

-- The functions that `make` returns, or what is left of them after a full
-- collection.
local function survivors(make)
  local weak = setmetatable({}, { __mode = "k" })
  make(function(fn)
    weak[fn] = true
    return fn
  end)
  support.collect()
  local count = 0
  for _ in pairs(weak) do count = count + 1 end
  return count
end

before_each(function()
  log = {}
  fds = support.count_fds()
  clock.virtual { start = 1000 }
end)

after_each(function()
  local left = tl.handles()
  for _, row in ipairs(left) do row.handle:cancel() end
  clock.virtual():advance(0)
  clock.real()
  assert.equal(0, #left)
  assert.equal(0, tl.stats().handles)
  assert.is_true(support.count_fds() <= fds + 3) -- a timerfd per clock at most
end)

describe("D01: a timer that cancels itself", function()
  it("ends, one-shot", function()
    local timer = tl.after(1, function(t)
      log[#log + 1] = { t:cancel(), t:cancel() }
    end)
    clock:advance(5)
    assert.same({ { false, false } }, log)
    assert.is_false(timer:cancel())
  end)

  it("ends, periodic", function()
    local timer = tl.every(1, function(t)
      log[#log + 1] = { t.runs, t:cancel(), t:cancel() }
    end)
    clock:advance(5)
    assert.same({ { 1, true, false } }, log)
    assert.is_false(timer:cancel())
    assert.is_nil(timer.due)
  end)

  it("may be set again while its callback runs", function()
    local timer = tl.every(1, function(t)
      log[#log + 1] = t.runs
      t:cancel()
      if t.runs < 3 then t:reset(2) end
    end)
    clock:advance(10)
    assert.same({ 1, 2, 3 }, log)
    assert.is_false(timer.active)
  end)

  it("ends though its callback waits after that", function()
    tl.every(1, function(t)
      t:cancel()
      tl.sleep(2.5)
      log[#log + 1] = tl.time()
    end)
    clock:advance(10)
    assert.same({ 1003.5 }, log)
  end)
end)

describe("D02: a timer that cancels another of the same batch", function()
  it("keeps that one from running, and no third", function()
    local b
    tl.after(1, function() log = { "a", b:cancel() } end)
    b = tl.after(1, note "b")
    tl.after(1, note "c")
    clock:advance(1)
    assert.same({ "a", true, "c" }, log)
  end)

  it("does not run instead a new timer that took its place", function()
    local b
    tl.after(1, function()
      b:cancel()
      tl.after(5, note "new")
    end)
    b = tl.after(1, note "b")
    tl.after(1, note "c")
    clock:advance(5.5)
    assert.same({ "c" }, log)
    clock:advance(0.5)
    assert.same({ "c", "new" }, log)
  end)

  it("moves it to the newest deadline when it resets or pauses it", function()
    local b, c
    tl.after(1, function()
      b:reset(3)
      c:pause()
    end)
    b, c = tl.after(1, note "b"), tl.after(1, note "c")
    clock:advance(3.5)
    assert.same({}, log)
    c:resume()
    clock:advance(0.5)
    assert.same({ "c", "b" }, log)
  end)
end)

describe("D03: a timer re-armed in its own callback", function()
  local function times(change)
    local timer = tl.every(4, function(t)
      log[#log + 1] = tl.time() - 1000
      change(t, t.runs)
    end)
    clock:advance(20)
    timer:cancel()
    return log
  end

  it("obeys a shorter wait", function()
    assert.same({ 4, 5, 9, 13, 17 }, times(function(t, runs)
      if runs == 1 then t:reset(1) end
    end))
  end)

  it("obeys a longer wait", function()
    assert.same({ 4, 14, 18 }, times(function(t, runs)
      if runs == 1 then t:reset(10) end
    end))
  end)

  it("obeys the last of several", function()
    assert.same({ 4, 11, 15, 19 }, times(function(t, runs)
      if runs == 1 then t:reset(1):reset(15):reset(7) end
    end))
  end)

  it("becomes a one-shot", function()
    assert.same({ 4, 6 }, times(function(t)
      if #log == 1 then t:reset(2, 0) end
    end))
  end)

  it("becomes periodic", function()
    local timer = tl.after(1, function(t)
      log[#log + 1] = tl.time() - 1000
      if t.period == nil then t:reset(2, 3) end
    end)
    clock:advance(10)
    timer:cancel()
    assert.same({ 1, 3, 6, 9 }, log)
  end)

  it("runs once more, in the next pass, when that is due at once", function()
    tl.after(1, function(t)
      log[#log + 1] = "x"
      if #log == 1 then t:reset(0) end
    end)
    tl.after(1, note "y")
    clock:advance(5)
    assert.same({ "x", "y", "x" }, log)
  end)
end)

describe("D04: a timer re-armed with no delay for ever", function()
  it("lets a readable pipe and other timers have their turn", function()
    local input, output = open_pipe()
    local spins = 0
    local zero = tl.after(0, function(t)
      spins = spins + 1
      if spins == 10 then ffi.C.write(output, "x", 1) end
      if spins < 1000 then t:reset(0) end
    end)
    local other = tl.after(0, function() log.other = spins end)
    local watch = tl.watch(input, "r", function(w, ready)
      log.ready, log.spins = ready, spins
      w:cancel()
    end)
    tl.run()
    for _, handle in ipairs { zero, other, watch } do handle:cancel() end
    ffi.C.close(input)
    ffi.C.close(output)
    assert.same({ "r", 1, 1000 }, { log.ready, log.other, spins })
    assert.is_true(log.spins == 10 or log.spins == 11)
  end)

  it("does so in real time, and runs once a turn", function()
    clock.real()
    local input, output = open_pipe()
    local before, spins, seen = tl.stats().turns, 0, nil
    local watch = tl.watch(input, "r", function(w)
      seen = spins
      w:cancel()
    end)
    tl.after(0, function(t)
      spins = spins + 1
      if spins == 10 then ffi.C.write(output, "x", 1) end
      if spins < 200 then t:reset(0) end
    end)
    tl.run()
    watch:cancel()
    ffi.C.close(input)
    ffi.C.close(output)
    assert.is_true(seen == 10 or seen == 11)
    assert.is_true(tl.stats().turns - before >= 200)
  end)
end)

-- What should run, by the rule alone: a list of {due, order, name}.
local function take_due(model, now)
  local due = {}
  for i = #model, 1, -1 do
    if model[i].due <= now then due[#due + 1] = table.remove(model, i) end
  end
  table.sort(due, function(a, b)
    if a.due ~= b.due then return a.due < b.due end
    return a.order < b.order
  end)
  for i, entry in ipairs(due) do due[i] = entry.name end
  return due
end

local function random_step(state, step)
  local model, choice = state.model, math.random(10)
  local entry = model[math.random(math.max(#model, 1))]
  local delay = math.random(0, 5)
  if choice <= 5 or not entry then
    local timer = tl.after(delay, note(step))
    model[#model + 1] = { due = state.now + delay, order = step, name = step, timer = timer }
  elseif choice <= 7 then
    entry.timer:reset(delay)
    entry.due, entry.order = state.now + delay, step
  elseif choice == 8 then
    assert.is_true(entry.timer:cancel())
    for i = #model, 1, -1 do
      if model[i] == entry then table.remove(model, i) end
    end
  end
  return choice > 8 and delay or nil
end

describe("D05: equal deadlines", function()
  it("run in the order of arming", function()
    for i = 1, 6 do tl.after(1, note(i)) end
    clock:advance(1)
    assert.same({ 1, 2, 3, 4, 5, 6 }, log)
  end)

  it("run in that order however they came to be equal", function()
    tl.after(3, note "a")
    clock:advance(1)
    tl.after(2, note "b")
    clock:advance(1)
    tl.after(1, note "c")
    clock:advance(1)
    assert.same({ "a", "b", "c" }, log)
  end)

  it("put a re-armed timer at the end", function()
    local a = tl.after(1, note "a")
    tl.after(1, note "b")
    a:reset(1)
    tl.after(1, note "c")
    clock:advance(1)
    assert.same({ "b", "a", "c" }, log)
  end)

  it("hold for periodic timers that meet one-shots", function()
    local timer = tl.every(1, note "tick")
    clock:advance(0.5)
    tl.after(1.5, note "shot")
    clock:advance(1.5)
    timer:cancel()
    assert.same({ "tick", "shot", "tick" }, log)
  end)

  it("and all others follow the rule in random lives", function()
    for _, seed in ipairs(support.seeds(5)) do
      math.randomseed(seed)
      log = {}
      local state, expected = { model = {}, now = 0 }, {}
      for step = 1, 400 do
        local delay = step == 400 and 10 or random_step(state, step)
        if delay then
          state.now = state.now + delay
          clock:advance(delay)
          for _, name in ipairs(take_due(state.model, state.now)) do
            expected[#expected + 1] = name
          end
        end
      end
      assert.same(expected, log, "TEST_SEED=" .. seed)
    end
  end)
end)

describe("D06: a timer set in a callback that takes longer than its delay", function()
  it("runs in the next pass, after those due in this one", function()
    on_boottime(1, function()
      log[#log + 1] = "a"
      on_boottime(1, note "A")
      clock:suspend(5)
    end)
    on_boottime(1, note "b")
    clock:advance(1)
    assert.same({ "a", "b", "A" }, log)
  end)

  it("does so in real time", function()
    clock.real()
    tl.after(0.001, function()
      log[#log + 1] = "a"
      tl.after(0.001, note "A")
      busy(0.005)
    end)
    tl.after(0.001, note "b")
    busy(0.002)
    tl.run()
    assert.same({ "a", "b", "A" }, log)
  end)
end)

describe("D07: a delay that is no delay", function()
  for _, delay in ipairs { -1, -1e-300, 0 / 0, math.huge, -math.huge, "", "x", {}, -1LL } do
    it("is refused and leaves timers as they are: " .. type(delay) .. " "
      .. tostring(delay):gsub("0x%x+", ""), function()
      local before = tl.stats().handles
      local timer = tl.every(7, nothing)
      local due = timer.due
      for _, call in ipairs { tl.after, tl.every } do
        assert.is_false(pcall(call, delay, nothing))
      end
      assert.is_false(pcall(timer.reset, timer, delay))
      assert.is_false(pcall(tl.sleep, delay))
      local seen = { timer.due, timer.period, tl.stats().handles }
      timer:cancel()
      assert.same({ due, 7, before + 1 }, seen)
    end)
  end
end)

describe("D08: a very long delay", function()
  local year = 31557600000000000LL
  local delays = { ["2^31 ms"] = 2147483648000000LL, ["2^32 ms"] = 4294967296000000LL,
    ["2^32 s"] = 4294967296000000000LL, ["100 years"] = 100 * year,
    ["200 years"] = 200 * year }
  for name, ns in pairs(delays) do
    it("is truly long: " .. name, function()
      tl.after(tonumber(ns / 1000000) / 1000, note "seconds")
      tl.after(ns, note "nanoseconds")
      clock:advance(ns - 1)
      assert.same({}, log)
      clock:advance(1LL)
      table.sort(log)
      assert.same({ "nanoseconds", "seconds" }, log)
    end)
  end

  it("is not early in real time either", function()
    clock.real()
    local timers = {}
    for _, ns in pairs(delays) do timers[#timers + 1] = tl.after(ns, note "early") end
    timers[#timers + 1] = tl.after(9223372036854775807LL, note "early")
    tl.after(0.02, note "in time")
    local before = tl.stats().turns
    tl.sleep(0.03)
    for _, timer in ipairs(timers) do timer:cancel() end
    assert.same({ "in time" }, log)
    assert.is_true(tl.stats().turns - before < 20)
  end)

  it("is cut at the end of time, and never wraps", function()
    local timer = tl.after(9223372036854775807LL, note "early")
    clock:advance(100 * year)
    timer:reset(9223372036854775807LL)
    clock:advance(50 * year)
    timer:cancel()
    assert.same({}, log)
  end)

  it("is refused where int64 nanoseconds do not reach: 2^53 ms", function()
    assert.is_false(pcall(tl.after, 2 ^ 53 / 1000, nothing))
    assert.is_false(pcall(tl.after, 2 ^ 63, nothing))
    assert.is_false(pcall(tl.after, 9223372036854775808ULL, nothing))
  end)

  it("ticks no more than once though its next tick is beyond the end", function()
    local timer = tl.timer { every = 9223372036854775807LL, first = 1, fn = note "x" }
    clock:advance(100 * year)
    timer:cancel()
    assert.same({ "x" }, log)
  end)
end)

describe("D09: a fraction of a tick", function()
  for _, seconds in ipairs { 1e-10, 1e-300, 5e-324, 1e-9 } do
    it("is rounded up to a nanosecond: " .. seconds, function()
      tl.after(seconds, note "x")
      clock:advance(0)
      assert.same({}, log)
      clock:advance(1LL)
      assert.same({ "x" }, log)
    end)
  end

  it("is no zero: it is due only once the clock has moved", function()
    local now = tl.time()
    tl.timer { after = 1e-10, clock = "realtime", fn = function()
      log[#log + 1] = tl.time() > now
    end }
    clock:advance(1)
    assert.same({ true }, log)
  end)

  it("is never early and does not spin in real time", function()
    clock.real()
    for _, delay in ipairs { 0.0001, 1e-9, 0.0101 } do
      local turns, start = tl.stats().turns, tl.now()
      tl.after(delay, function() log[#log + 1] = tl.now() - start >= delay end)
      tl.run()
      assert.is_true(tl.stats().turns - turns < 10)
    end
    assert.same({ true, true, true }, log)
  end)
end)

describe("D10: 0.3 s", function()
  for seconds, ns in pairs { [0.3] = 300000000LL, [4.35] = 4350000000LL } do
    it(("is exact to the nanosecond: %g"):format(seconds), function()
      tl.after(seconds, note "x")
      clock:advance(ns - 1)
      assert.same({}, log)
      clock:advance(1LL)
      assert.same({ "x" }, log)
    end)
  end

  it("stays exact over ten million ticks' worth of time", function()
    local timer = tl.timer { every = 0.3, first = "34d17h20m0.3s", fn = note "x" }
    clock:advance(3000000300000000LL - 1)
    assert.same({}, log)
    clock:advance(1LL)
    timer:cancel()
    assert.same({ "x" }, log)
  end)
end)

describe("D11: an error in a callback", function()
  it("is reported with traceback and timer, and the others go on", function()
    local timers = {}
    local errors = collecting_errors(function()
      for i = 1, 5 do
        timers[i] = tl.every(1, function()
          if i == 3 then error("no " .. i, 0) end
          log[#log + 1] = i
        end)
      end
      clock:advance(2)
    end)
    local runs = timers[3].runs
    for _, timer in ipairs(timers) do timer:cancel() end
    assert.same({ 1, 2, 4, 5, 1, 2, 4, 5 }, log)
    assert.same({ 2, "no 3", 2 }, { #errors, errors[1].err, runs })
    assert.is_true(rawequal(timers[3], errors[1].source))
    assert.truthy(errors[1].traceback:find("edges_spec.lua", 1, true))
  end)

  it("may be any value, nil too", function()
    local object = {}
    local errors = collecting_errors(function()
      tl.after(1, function() error(object) end)
      tl.after(2, function() error() end)
      clock:advance(2)
    end)
    assert.equal(2, #errors)
    assert.is_true(rawequal(object, errors[1].err))
    assert.is_nil(errors[2].err)
  end)

  it("is told on standard error and by exit status 1 when nobody handles it", function()
    local r = support.run [[
      local tl = require "timerlua"
      for i = 1, 10 do
        tl.timer { after = i / 1000, name = "t" .. i, fn = function()
          if i == 4 then error("bad") end
          io.write(i, " ")
        end }
      end]]
    assert.same({ "1 2 3 5 6 7 8 9 10 ", 1 }, { r.out, r.code })
    assert.truthy(r.err:find('in timer "t4" ((command line):3): (command line):4: bad', 1, true))
    assert.truthy(r.err:find("stack traceback", 1, true))
  end)

  it("releases a one-shot and keeps a periodic timer", function()
    local timer, other
    collecting_errors(function()
      timer = tl.after(1, function() error("x") end)
      other = tl.every(1, function() error("x") end)
      clock:advance(3)
    end)
    local seen = { timer.active, other.active, other.runs }
    other:cancel()
    assert.same({ false, true, 3 }, seen)
  end)
end)

describe("D12: a callback that waits", function()
  it("goes on later, and lets the others run meanwhile", function()
    tl.after(1, function(_, a)
      local slept = tl.sleep(2)
      log[#log + 1] = { a, slept, tl.time() }
    end, "arg")
    tl.after(2, note "other")
    clock:advance(5)
    assert.same({ "other", { "arg", true, 1003 } }, log)
  end)

  it("may wait inside pcall and nested functions", function()
    tl.after(1, function()
      local ok, err = pcall(function()
        tl.sleep(1)
        error("late", 0)
      end)
      log = { ok, err, tl.time() }
    end)
    clock:advance(5)
    assert.same({ false, "late", 1002 }, log)
  end)

  it("is told a clear error when it yields to nobody, and the loop goes on", function()
    local timer
    local errors = collecting_errors(function()
      timer = tl.every(1, function() coroutine.yield("x") end)
      tl.after(3, note "other")
      clock:advance(3)
    end)
    timer:cancel()
    assert.same({ "other" }, log)
    assert.equal(3, #errors)
    assert.equal("coroutine.yield outside a coroutine of the script's own: to wait, "
      .. "use tl.sleep", errors[1].err)
  end)

  it("may use coroutines of its own, but not wait in them", function()
    tl.after(1, function()
      local co = coroutine.wrap(function() coroutine.yield(7) end)
      log[1] = co()
      log[2] = select(2, pcall(coroutine.wrap(function() tl.sleep(1) end)))
    end)
    clock:advance(5)
    assert.equal(7, log[1])
    assert.truthy(log[2]:find("timerlua.sleep: called in a coroutine of the script's own",
      1, true))
  end)

  it("is itself counted as running until it is over", function()
    local timer = tl.after(1, function(t)
      tl.sleep(5)
      log[#log + 1] = { t.runs, t.active }
    end)
    clock:advance(3)
    assert.equal(1, timer.runs)
    clock:advance(5)
    assert.same({ { 1, false } }, log)
    assert.is_nil(timer.runs)
  end)
end)

describe("D13: run inside a callback", function()
  it("waits until the others are done, and no batch is run twice", function()
    tl.after(1, function()
      tl.run()
      log[#log + 1] = "run returned"
    end)
    tl.after(1, note "same batch")
    tl.after(5, note "later")
    tl.run()
    assert.same({ "same batch", "later", "run returned" }, log)
  end)

  it("is refused to whoever reaches for the loop itself", function()
    local dispatcher = require("timerlua.core")
    local errors = collecting_errors(function()
      tl.after(1, function() dispatcher.run() end)
      tl.after(1, note "other")
      clock:advance(1)
    end)
    assert.same({ "other" }, log)
    assert.truthy(errors[1].err:find("timerlua.run: the loop is running already", 1, true))
  end)
end)

describe("D14: garbage", function()
  it("is never a timer that waits, though nobody refers to it", function()
    for i = 1, 50 do
      tl.after(i / 10, function()
        support.collect()
        log[#log + 1] = i
      end)
    end
    support.collect()
    clock:advance(10)
    assert.equal(50, #log)
    assert.equal(50, log[50])
  end)

  it("is collected in every callback, and nothing is lost by it", function()
    local sum = 0
    local timer = tl.every(1, function(t, box)
      collectgarbage()
      sum = sum + box[1]
      tl.after(0.5, function(_, n)
        collectgarbage()
        tl.sleep(0.25)
        collectgarbage()
        sum = sum + n[1]
      end, { 100 * t.runs })
    end, { 1 })
    clock:advance(4.9)
    timer:cancel()
    assert.equal(4 + 1000, sum)
  end)

  it("is a callback once its timer was cancelled", function()
    assert.equal(0, survivors(function(keep)
      for _, timer in ipairs {
        tl.after(1, keep(function() log = nil end)),
        tl.after(1, keep(function() log = nil end), "argument"),
        tl.every(1, keep(function() log = nil end)),
        tl.after(1, keep(function() log = nil end)):pause(),
        tl.timer { every = 1, limit = 2, fn = keep(function() log = nil end) },
      } do
        timer:cancel()
      end
    end))
  end)

  it("is a callback once its one-shot has run, also after waiting", function()
    assert.equal(0, survivors(function(keep)
      tl.after(1, keep(function() log.a = 1 end))
      tl.after(1, keep(function(_, x) log.b = type(x) end), keep(function() log.x = 1 end))
      tl.after(1, keep(function()
        tl.sleep(1)
        log.c = 1
      end))
      tl.timer { every = 1, limit = 2, fn = keep(function() log.d = 1 end) }
      clock:advance(5)
    end))
    assert.same({ a = 1, b = "function", c = 1, d = 1 }, log)
  end)

  it("is a callback once it failed", function()
    assert.equal(0, survivors(function(keep)
      collecting_errors(function()
        tl.after(1, keep(function() error("x" .. #log) end))
        clock:advance(1)
      end)
    end))
  end)

  it("is not a callback whose timer waits or is paused", function()
    local timers = {}
    assert.equal(3, survivors(function(keep)
      timers[1] = tl.after(1, keep(function() log.a = 1 end))
      timers[2] = tl.every(1, keep(function() log.b = 1 end))
      timers[3] = tl.after(1, keep(function() log.c = 1 end)):pause()
    end))
    for _, timer in ipairs(timers) do timer:cancel() end
  end)

  it("is a task once it has ended", function()
    assert.equal(0, survivors(function(keep)
      tl.spawn(keep(function() tl.sleep(1) end))
      local waiting = tl.spawn(keep(function() tl.sleep(100) end))
      local unborn = tl.spawn(keep(function() log.x = 1 end))
      unborn:cancel()
      clock:advance(2)
      waiting:cancel()
      clock:advance(1)
    end))
  end)
end)

describe("D15: ref and unref", function()
  it("let the loop end although an unref'd timer waits", function()
    local timer = tl.every(1, note "tick"):unref()
    tl.after(2.5, note "end")
    tl.run()
    local active = timer.active
    timer:cancel()
    assert.same({ "tick", "tick", "end" }, log)
    assert.is_true(active)
  end)

  it("count once however often repeated", function()
    local timer = tl.after(1, note "x"):unref():unref():ref()
    tl.run()
    assert.same({ "x" }, log)
    local other = tl.after(1, note "y"):ref():ref():unref()
    tl.run()
    other:cancel()
    assert.same({ "x" }, log)
    assert.is_false(timer.active)
  end)

  it("count at once in a callback", function()
    local timer = tl.every(1, function(t)
      log[#log + 1] = t.runs
      if t.runs == 3 then t:unref() end
    end)
    tl.run()
    timer:cancel()
    assert.same({ 1, 2, 3 }, log)
  end)

  it("hold through reset, pause and resume", function()
    local timer = tl.after(1, note "x"):unref():reset(5):pause():resume()
    tl.run()
    assert.same({}, log)
    timer:ref()
    tl.run()
    assert.same({ "x" }, log)
    assert.is_false(timer.active)
  end)

  it("leave the count right when an unref'd timer is cancelled or runs", function()
    tl.after(1, nothing):unref():cancel()
    tl.after(1, nothing):unref()
    tl.after(2, note "end")
    tl.run()
    assert.same({ "end" }, log)
    assert.equal(0, tl.stats().active)
  end)
end)

describe("D16: a loop that is late", function()
  it("calls once for the missed ticks, tells their number, and keeps the grid", function()
    local timer = tl.timer { every = 0.25, clock = "realtime", fn = function(t)
      log[#log + 1] = { t.due - 1000, t.missed, t:next() - 1000 }
      if t.runs == 1 then clock:step_wall(1.375) end
    end }
    clock:advance(0.25)
    clock:advance(0.25)
    timer:cancel()
    assert.same({ { 0.25, 0, 0.5 }, { 0.5, 4, 1.75 }, { 1.75, 0, 2 } }, log)
  end)

  it("does so in real time: 55 ms blocked, 10 ms period", function()
    clock.real()
    local start
    local timer = tl.every(0.01, function(t)
      log[#log + 1] = { t.due, t.missed }
      if t.runs == 1 then busy(0.055) end
      if t.runs == 4 then t:cancel() end
    end)
    start = timer.due - 0.01
    tl.run()
    local tick = 0
    for _, entry in ipairs(log) do
      tick = tick + 1
      assert.near(start + tick * 0.01, entry[1], 1e-6)
      tick = tick + entry[2]
    end
    assert.is_true(log[2][2] >= 4)
    assert.equal(4, #log)
  end)
end)

describe("D17: 100 ticks of 5 ms with 2 ms of work", function()
  it("take 500 ms", function()
    clock.real()
    local start, finish
    local timer = tl.every(0.005, function(t)
      busy(0.002)
      local tick = t.runs + t.missed_total - t.missed
      log[#log + 1] = t.due - (start + 0.005 * tick)
      if tick >= 100 then
        finish = t.due
        t:cancel()
      end
    end)
    start = timer.due - 0.005
    tl.run()
    for _, off in ipairs(log) do assert.near(0, off, 1e-6) end
    assert.is_true(finish - start < 0.5 + 0.005 * (100 - #log + 1))
    assert.is_true(#log > 10)
  end)

  it("stay on the grid to the nanosecond, whatever the work takes", function()
    local timer = tl.timer { every = 0.005, clock = "boottime", limit = 100, fn = function(t)
      log[#log + 1] = t.missed_total
      clock:suspend(0.002)
    end }
    local start = clock.boottime()
    tl.run()
    assert.equal(100, #log)
    assert.equal(0, log[100])
    assert.near(0.502, clock.boottime() - start, 1e-6)
    assert.is_false(timer.active)
  end)
end)

describe("D18: a callback that takes longer than its period", function()
  it("does not pile up, nor starve other timers", function()
    local slow = tl.timer { every = 1, clock = "boottime", fn = function(t)
      log[#log + 1] = "slow" .. t.missed
      clock:suspend(2.5)
      if t.runs == 4 then t:cancel() end
    end }
    local other = tl.timer { every = 1, clock = "boottime", limit = 4, fn = note "other" }
    tl.run()
    for _, timer in ipairs { slow, other } do timer:cancel() end
    assert.same({ "slow0", "other", "slow1", "other", "slow2", "other", "slow1", "other" }, log)
  end)

  it("never runs twice at a time when it waits", function()
    local running, most = 0, 0
    local timer = tl.every(1, function()
      running = running + 1
      most = math.max(most, running)
      tl.sleep(2.5)
      running = running - 1
      log[#log + 1] = tl.time()
    end)
    clock:advance(10)
    local total = timer.runs + timer.missed_total
    timer:cancel()
    clock:advance(3)
    assert.same({ 1, 10 }, { most, total })
    assert.same({ 1003.5, 1006.5, 1009.5, 1012.5 }, log)
  end)
end)

describe("D19: a wall clock that is set", function()
  it("leaves relative timers unmoved and carries those on the wall along", function()
    local jumps = {}
    local subscription = tl.on("clock_jump", function(s) jumps[#jumps + 1] = s end)
    tl.after(10, note "after")
    tl.at(1020, note "at 1020")
    tl.at(1100, note "at 1100")
    clock:step_wall(50)
    clock:advance(9)
    clock:step_wall(-40)
    clock:advance(81)
    subscription:cancel()
    assert.same({ "at 1020", "after", "at 1100" }, log)
    assert.same({ 50, -40 }, jumps)
  end)
end)

describe("D20: a suspend", function()
  it("stops monotonic timers, and boottime ones come in one pass", function()
    tl.after(10, note "monotonic")
    on_boottime(10, note "boot 10")
    on_boottime(5, note "boot 5")
    local ticker = tl.timer { every = 1, clock = "boottime", fn = function(t)
      log[#log + 1] = "missed " .. t.missed
    end }
    clock:suspend(30.5)
    clock:advance(0)
    ticker:cancel()
    assert.same({ "missed 29", "boot 5", "boot 10" }, log)
    clock:advance(10)
    assert.equal("monotonic", log[4])
  end)
end)

local function count_up(t)
  log[1] = log[1] + 1
  return t
end

describe("D21: a fork", function()
  -- The child comes back to the loop it inherited; the parent waits for it.
  local FORK = [[local ffi = require "ffi"
    ffi.cdef "int fork(void); int waitpid(int, int *, int);"
    local tl = require "timerlua"
    local c, s
    local l = tl.listen("127.0.0.1:0", { data = function(conn, bytes) conn:send(bytes) end })
    c = tl.connect(l:sock())
    tl.sleep(0.01)
    io.stdout:flush()
    c:send("queued")
    local pid = ffi.C.fork()
    if pid == 0 then
      tl.after(0, function() print("a timer of the parent runs in the child") end)
      c:close()
      l:close()
      tl.sleep(1)
      print("not reached")
    end
    local status = ffi.new("int[1]")
    ffi.C.waitpid(pid, status, 0)
    print("child", status[0])
    print("parent", c:receive(6))
    tl.sleep(0.01)
    c:send("again") print("parent", c:receive(5))
    c:close() l:close()]]

  it("leaves the parent's loop and connections alone, and the child is told", function()
    local r = support.run(FORK)
    assert.equal("child\t256\nparent\tqueued\nparent\tagain\n", r.out)
    assert.equal("timerlua: timerlua.run: this process was forked from the one that "
      .. "the loop belongs to\n", r.err)
    assert.equal(0, r.code)
  end)
end)

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

describe("D29: a stop from outside", function()
  it("wakes a waiting script by signal, runs stop handlers, ends by the signal", function()
    for signal, number in pairs { TERM = 15, INT = 2 } do
      local r = support.run(([[
        local tl = require "timerlua"
        tl.on("stop", function(reason) tl.sleep(0.01) print("stop", reason) end)
        tl.after(0, function() io.popen("kill -%s $PPID"):close() end)
        tl.after(100, function() print "never" end)]]):format(signal), { timeout = 20 })
      assert.same({ "stop\tSIG" .. signal .. "\n", 128 + number }, { r.out, r.code })
      assert.is_nil(r.err:find("timerlua", 1, true))
    end
  end)

  it("wakes a script that sleeps in the kernel", function()
    local r = support.run([[
      local tl = require "timerlua"
      local self = io.popen("echo $PPID"):read("*n")
      os.execute("(sleep 0.1; kill -TERM " .. self .. ") &")
      tl.sleep(100)]], { timeout = 20 })
    assert.same({ "", 143 }, { r.out, r.code })
    assert.is_nil(r.err:find("timerlua", 1, true))
  end)

  it("ends a script that hangs in its stop handler, by a second signal", function()
    local r = support.run([[
      local tl = require "timerlua"
      tl.on("stop", function()
        io.write("stopping ")
        io.flush()
        tl.after(0, function() io.popen("kill -INT $PPID"):close() end)
        tl.sleep(100)
        print "never"
      end)
      tl.after(0, function() os.execute("kill -TERM $PPID") end)
      tl.sleep(100)]], { timeout = 20 })
    assert.equal("stopping ", r.out:sub(1, 9))
    assert.is_nil(r.out:find("never"))
    assert.is_true(r.code == 130 or r.code == 143)
  end)

  it("is not mistaken for the end of a wait when it is just an interruption", function()
    local r = support.run([[
      local tl = require "timerlua"
      local self, start = io.popen("echo $PPID"):read("*n"), tl.now()
      os.execute(("(for i in 1 2 3; do sleep 0.03; kill -STOP %d; kill -CONT %d; done) &")
        :format(self, self))
      tl.sleep(0.25)
      local waited = tl.now() - start
      print(waited >= 0.25, waited < 5)]], { timeout = 20 })
    assert.same({ "true\ttrue\n", "", 0 }, { r.out, r.err, r.code })
  end)

  it("before run ends that run, and only that", function()
    tl.after(1, note "x")
    tl.stop()
    tl.run()
    assert.same({}, log)
    tl.run()
    assert.same({ "x" }, log)
  end)

  it("in a callback ends the run after it, and no sooner than the batch's turn", function()
    tl.after(1, function()
      tl.stop(7)
      log[#log + 1] = "stopping"
    end)
    tl.after(2, note "never")
    assert.equal(7, (tl.run()))
    assert.same({ "stopping" }, log)
    tl.run()
    assert.same({ "stopping", "never" }, log)
  end)

  it("does not lose a wake-up that came before the wait", function()
    clock.real()
    local core = require "timerlua.core.ffi"
    for _ = 1, 3 do core.C.tl_loop_wake(core.loop, 0) end
    tl.after(0.005, note "x")
    tl.run()
    assert.same({ "x" }, log)
  end)
end)

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

  it("do not show when the code that waits is compiled", function()
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
