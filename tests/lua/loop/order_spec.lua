-- The order in which timers run, and how their callbacks may affect each other.
local ffi = require "ffi"
local support = require "tests.support"
local tl = require "timerlua"
local virtual = require "tests.support.virtual"
local clock = tl.clock

local log, note, open_pipe, busy, on_boottime =
  virtual.log, virtual.note, virtual.open_pipe, virtual.busy, virtual.on_boottime

virtual.each(before_each, after_each)

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
  it("keeps that timer from running, and no third timer", function()
    local b
    tl.after(1, function() log[1], log[2] = "a", b:cancel() end)
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

-- The runs that the rule alone predicts: a list of {due, order, name}.
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
      virtual.clear_log()
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
