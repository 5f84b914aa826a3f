-- The workloads on luv under luajit: luv.lua WORKLOAD [FUNCTIONS]

-- By path: in a folder that is searched for modules, this file would be luv.
local measure = dofile((arg[0]:match("^.*/") or "") .. "measure.lua")
local uv = require "luv"

local million = measure.million
local put = measure.put

local function nothing() end

local function since(start_ns, count)
  return (uv.hrtime() - start_ns) / count
end

local workloads = {}

local function close_all(timers, order)
  local start = uv.hrtime()
  for i = 1, million do timers[order[i - 1] + 1]:close() end
  uv.run()
  put("close_ns", since(start, million))
end

function workloads.T1()
  local delays = measure.draws(million)
  local order = measure.shuffle(delays, million)
  collectgarbage()
  local before = measure.rss()
  local timers = measure.array(million)
  local start = uv.hrtime()
  for i = 1, million do
    local timer = uv.new_timer()
    timer:start(math.floor(1000 + 59000 * delays[i - 1]), 0, nothing)
    timers[i] = timer
  end
  put("insert_ns", since(start, million))
  put("bytes", (measure.rss() - before) / million)

  start = uv.hrtime()
  for i = 1, million do timers[order[i - 1] + 1]:stop() end
  put("cancel_ns", since(start, million))
  close_all(timers, order)
end

-- The timers are not closed when they fire, which a program would have to
-- do through a closure for each: this flatters luv.
local function fire(delays, distinct)
  local state = { fired = 0 }
  distinct = tonumber(distinct or 1)
  local functions = measure.functions(distinct, state)
  local start = os.clock()
  for i = 1, million do
    local fn = functions[i % distinct + 1]
    uv.new_timer():start(math.floor(1000 * delays[i - 1]), 0, fn)
  end
  uv.run()
  assert(state.fired == million, "not every timer fired")
  put("cpu_ns", (os.clock() - start) * 1e9 / million)
end

function workloads.T2(distinct) fire(measure.draws(million), distinct) end

function workloads.T2s(distinct) fire(measure.ramp(million), distinct) end

local function rearm_many(timers, chosen, refresh)
  local start = uv.hrtime()
  for i = 0, million - 1 do
    refresh()
    timers[math.floor(chosen[i] * measure.live) + 1]:again()
  end
  return since(start, million)
end

function workloads.T3()
  local chosen, timers = measure.draws(million), {}
  for i = 1, measure.live do
    timers[i] = uv.new_timer()
    timers[i]:start(math.floor(1000 + 59000 * chosen[i - 1]), 0, nothing)
    timers[i]:set_repeat(30000) -- what again() re-arms to
  end
  put("rearm_ns", rearm_many(timers, chosen, nothing))
  put("fresh_ns", rearm_many(timers, chosen, uv.update_time))
end

function workloads.T4()
  local fd, poke = measure.pipe()
  local poll, timer = uv.new_poll(fd), uv.new_timer()
  local turns, served, start = 0, nil, uv.hrtime()
  poll:start("r", function()
    served = turns - million / 2
    poll:stop()
  end)
  local function turn()
    turns = turns + 1
    if turns == million / 2 then poke() end
    if turns < million then
      timer:start(0, 0, turn)
    else
      put("each_ns", since(start, million))
      measure.put_served(served)
      uv.stop()
    end
  end
  timer:start(0, 0, turn)
  uv.run()
end

local function start_ticker(seen, period_ms)
  local timer, ticks, start = uv.new_timer(), 0, uv.hrtime()
  uv.update_time()
  timer:start(period_ms, period_ms, function()
    ticks = ticks + 1
    seen:add((uv.hrtime() - start) * 1e-3 - ticks * period_ms * 1000)
  end)
end

-- Periods are rounded to what luv can express and measured against that.
function workloads.T5()
  local seen, start = measure.lateness(), os.clock()
  for i = 0, measure.periodic - 1 do
    start_ticker(seen, math.floor(measure.period_us(i) / 1000 + 0.5))
  end
  uv.new_timer():start(math.floor(measure.grid_seconds * 1000), 0, uv.stop)
  uv.run()
  seen:put(os.clock() - start)
end

-- TASKS: sleep as luv's users write it, a coroutine and a timer of its own.
local function sleep(ms)
  local task, timer = coroutine.running(), uv.new_timer()
  timer:start(ms, 0, function()
    timer:close()
    coroutine.resume(task)
  end)
  coroutine.yield()
end

local function spawn_sleepers(count)
  local start = uv.hrtime()
  for _ = 1, count do coroutine.wrap(sleep)(60000) end
  return since(start, count)
end

function workloads.TASKS()
  spawn_sleepers(1)
  collectgarbage()
  local before = measure.rss()
  put("spawn_ns", spawn_sleepers(measure.sleepers))
  uv.run("nowait")
  put("bytes", (measure.rss() - before) / measure.sleepers)
end

function workloads.P1()
  local cpu, start = os.clock(), uv.hrtime()
  local started, ended = 0, 0
  local function next_one()
    started = started + 1
    local handle
    handle = assert(uv.spawn("/bin/true", {}, function(code)
      assert(code == 0)
      handle:close()
      ended = ended + 1
      if started < measure.spawns then next_one() end
    end))
  end
  for _ = 1, measure.spawned_at_once do next_one() end
  uv.run()
  put("cpu_us", (os.clock() - cpu) * 1e6 / measure.spawns)
  put("spawns_s", measure.spawns / ((uv.hrtime() - start) * 1e-9))
end

function workloads.P2()
  local start = uv.hrtime()
  local piece, left, taken = ("x"):rep(measure.piece_bytes), measure.pumped_bytes, 0
  local input, output = uv.new_pipe(false), uv.new_pipe(false)
  local cat
  cat = assert(uv.spawn("cat", { stdio = { input, output } }, function() cat:close() end))
  local function send()
    if left == 0 then return input:close() end
    local count = math.min(left, #piece)
    left = left - count
    input:write(piece:sub(1, count), send)
  end
  send()
  output:read_start(function(_, data)
    if not data then return output:close() end
    taken = taken + #data
  end)
  uv.run()
  assert(taken == measure.pumped_bytes)
  put("mb_s", measure.pumped_bytes * 1e-6 / ((uv.hrtime() - start) * 1e-9))
  put("cpu_ms", os.clock() * 1e3)
end

workloads[arg[1]](arg[2])
os.exit(0) -- leaves a million dead handles to the kernel, which is quicker
