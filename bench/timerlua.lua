-- The workloads on timerlua, as a script would write them:
--   timerlua.lua T1 | T3 | T4
--   timerlua.lua T2 | T2s [FUNCTIONS [SLACK]]
--   timerlua.lua T5 [SLACK]
--   timerlua.lua MEM COUNT
--   timerlua.lua PACE [hand]
--   timerlua.lua TASKS sleep | body | turns
-- SLACK is in seconds; without it the default slack is measured.

-- By path: in a folder searched for modules, this file would be timerlua.
local measure = dofile((arg[0]:match("^.*/") or "") .. "measure.lua")
local tl = require "timerlua"

local million = measure.million
local put = measure.put

local function nothing() end

local function since(start, count)
  return (tl.now() - start) * 1e9 / count
end

local function set_slack(seconds)
  if seconds then tl.slack(tonumber(seconds)) end
end

-- count timers that stay alive, their handles kept, and what they cost. The
-- 2^20 delays are used again and again.
local function insert(count, delays)
  local mask = 2^20 - 1
  collectgarbage()
  local before = measure.rss()
  local timers = measure.array(count)
  local start = tl.now()
  for i = 1, count do
    timers[i] = tl.after(1 + 59 * delays[bit.band(i - 1, mask)], nothing)
  end
  put("insert_ns", since(start, count))
  put("bytes", (measure.rss() - before) / count)
  return timers
end

local workloads = {}

function workloads.T1()
  local delays = measure.draws(2^20)
  local order = measure.shuffle(delays, million)
  local timers = insert(million, delays)
  local start = tl.now()
  for i = 0, million - 1 do timers[order[i] + 1]:cancel() end
  put("cancel_ns", since(start, million))
end

-- The last timer is due after all others, so it finds them fired.
local function fire(delays, distinct, slack)
  local state = { fired = 0 }
  distinct = tonumber(distinct or 1)
  set_slack(slack)
  local functions = measure.functions(distinct, state)
  local start = os.clock()
  for i = 1, million do
    tl.after(delays[i - 1], functions[i % distinct + 1])
  end
  tl.after(1.001, function()
    assert(state.fired == million, "not every timer fired")
    put("cpu_ns", (os.clock() - start) * 1e9 / million)
  end)
end

function workloads.T2(...) fire(measure.draws(million), ...) end

function workloads.T2s(...) fire(measure.ramp(million), ...) end

-- Every reset counts from a fresh reading of the clock, so the figure is to
-- be held against both of the peers' figures.
function workloads.T3()
  local chosen, timers = measure.draws(million), {}
  for i = 1, measure.live do
    timers[i] = tl.after(1 + 59 * chosen[i - 1], nothing)
  end
  local start = tl.now()
  for i = 0, million - 1 do
    timers[math.floor(chosen[i] * measure.live) + 1]:reset(30)
  end
  local each = since(start, million)
  put("rearm_ns", each)
  put("fresh_ns", each)
  tl.stop()
end

function workloads.T4()
  local fd, poke = measure.pipe()
  local turns, served, start = 0, nil, tl.now()
  local watcher
  watcher = tl.watch(fd, "r", function()
    served = turns - million / 2
    watcher:cancel()
  end)
  tl.after(0, function(timer)
    turns = turns + 1
    if turns == million / 2 then poke() end
    if turns < million then
      timer:reset(0)
    else
      put("each_ns", since(start, million))
      measure.put_served(served)
      tl.stop()
    end
  end)
end

-- A tick a whole period late may be one after ticks that timerlua has skipped: its own
-- count says which tick it is. The clock does not: another period may have passed since
-- timerlua counted, and the tick of that period, still to come, would then seem early.
local function tick(timer, ticker)
  local period, seen = ticker.period, ticker.seen
  ticker.ticks = ticker.ticks + 1
  local late = tl.now() - (ticker.start + ticker.ticks * period)
  if late >= period then
    local ticks = timer.runs + timer.missed_total
    local missed = ticks - ticker.ticks
    ticker.ticks = ticks
    seen.missed = seen.missed + missed
    late = late - missed * period
  end
  seen:add(late * 1e6)
end

function workloads.T5(slack)
  local seen, start = measure.lateness(), os.clock()
  seen.missed = 0
  set_slack(slack)
  for i = 0, measure.periodic - 1 do
    local period = measure.period_us(i) * 1e-6
    local ticker = { seen = seen, period = period, ticks = 0 }
    ticker.start = tl.now()
    tl.every(period, tick, ticker)
  end
  tl.after(measure.grid_seconds, function()
    seen:put(os.clock() - start)
    put("missed", seen.missed)
    put("slack_us", tl.slack() * 1e6)
    tl.stop()
  end)
end

-- A million calls in one turn of the loop: the cost of a call, and how often a timer is
-- armed for debouncing. The second million counts: by then the loops are compiled, and the
-- clock is read by the processor's counter. By hand, each call re-arms a timer; beside that,
-- the cost of the clock's reading alone.
function workloads.PACE(way)
  local function put_calls(key, fn)
    local start, armed
    for _ = 1, 2 do
      start, armed = os.clock(), tl.stats().armed
      for i = 1, million do fn(i) end
    end
    put(key .. "_ns", (os.clock() - start) * 1e9 / million)
    if key == "debounce" then put("armed", tl.stats().armed - armed) end
  end
  if way == "hand" then
    local timer = tl.after(0.1, nothing)
    put_calls("clock", tl.now)
    put_calls("debounce", function() timer:reset(0.1) end)
  else
    put_calls("debounce", tl.debounce(0.1, nothing))
    put_calls("throttle", tl.throttle(0.1, nothing))
  end
  tl.stop()
end

-- A small number first, so that 10k timers do not measure the compiler.
function workloads.MEM(count)
  for _ = 1, 1000 do tl.after(1, nothing):cancel() end
  insert(tonumber(count), measure.draws(2^20))
  tl.stop()
end

-- measure.live tasks that sleep, and what they cost: the sleep itself as the
-- task, or a function of the script's around it. Once they sleep, what made
-- them is collected. turns: one task that waits again and again.
function workloads.TASKS(kind)
  if kind == "turns" then
    local start = tl.now()
    for _ = 1, million do tl.sleep(0) end
    return put("turn_ns", since(start, million))
  end
  local function body(seconds) tl.sleep(seconds) end
  local fn = kind == "body" and body or tl.sleep
  tl.spawn(fn, 0):join()
  collectgarbage()
  local before, start = measure.rss(), tl.now()
  for _ = 1, measure.live do tl.spawn(fn, 1e6) end
  tl.sleep(0.001) -- they have begun when this is over
  put("spawn_ns", since(start, measure.live))
  collectgarbage()
  collectgarbage()
  put("bytes", (measure.rss() - before) / measure.live)
  tl.stop()
end

-- The parent's own processor time, which os.clock is.
local function put_spawns(cpu, start)
  put("cpu_us", (os.clock() - cpu) * 1e6 / measure.spawns)
  put("spawns_s", measure.spawns / (tl.now() - start))
end

-- P1: callbacks, or a task for each of those that run at once.
function workloads.P1(kind)
  local cpu, start = os.clock(), tl.now()
  local words, started, ended = { "/bin/true" }, 0, 0
  local opts
  local function next_one()
    started = started + 1
    assert(tl.exec(words, opts))
  end
  opts = { on_exit = function(_, status)
    assert(status.code == 0)
    ended = ended + 1
    if started < measure.spawns then next_one() end
    if ended == measure.spawns then put_spawns(cpu, start) end
  end }
  if kind ~= "tasks" then
    for _ = 1, measure.spawned_at_once do next_one() end
    return
  end
  tl.scope(function(scope)
    for _ = 1, measure.spawned_at_once do
      scope:spawn(function()
        while started < measure.spawns do
          started = started + 1
          assert(assert(tl.exec(words)):wait().code == 0)
        end
      end)
    end
  end)
  put_spawns(cpu, start)
end

-- P2: 100 MB to a child and back.
function workloads.P2()
  local start = tl.now()
  local piece = ("x"):rep(measure.piece_bytes)
  local cat = assert(tl.exec({ "cat" }, { stdin = "pipe", stdout = "pipe" }))
  tl.spawn(function()
    local left = measure.pumped_bytes
    while left > 0 do
      left = left - assert(cat.stdin:send(piece, 1, math.min(#piece, left)))
    end
    assert(cat.stdin:flush())
    cat.stdin:close()
  end)
  local taken = 0
  while true do
    local data = cat.stdout:receive_some(measure.piece_bytes)
    if not data then break end
    taken = taken + #data
  end
  assert(taken == measure.pumped_bytes and cat:wait().code == 0)
  put("mb_s", measure.pumped_bytes * 1e-6 / (tl.now() - start))
  put("cpu_ms", os.clock() * 1e3)
end

workloads[arg[1]](arg[2], arg[3])
