-- The workloads on timerlua, as a script would write them:
--   timerlua.lua T1 | T3 | T4
--   timerlua.lua T2 | T2s [FUNCTIONS [SLACK]]
--   timerlua.lua T5 [SLACK]
--   timerlua.lua MEM COUNT
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

-- Ticks a whole period late or more are the ones timerlua skips and counts;
-- the tick seen is then the latest due, found here from the clock alone.
local function tick(_, ticker)
  local period, seen = ticker.period, ticker.seen
  ticker.ticks = ticker.ticks + 1
  local late = tl.now() - (ticker.start + ticker.ticks * period)
  if late >= period then
    local missed = math.floor(late / period)
    ticker.ticks = ticker.ticks + missed
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
    tl.stop()
  end)
end

-- A small number first, so that 10k timers do not measure the compiler.
function workloads.MEM(count)
  for _ = 1, 1000 do tl.after(1, nothing):cancel() end
  insert(tonumber(count), measure.draws(2^20))
  tl.stop()
end

-- S6: the tasks have all begun to sleep when the main task has slept itself.
local function spawn_sleepers(count)
  local start = tl.now()
  for _ = 1, count do tl.spawn(tl.sleep, 60) end
  tl.sleep(0.01)
  return since(start, count)
end

function workloads.S6()
  spawn_sleepers(1)
  collectgarbage()
  local before = measure.rss()
  put("spawn_ns", spawn_sleepers(measure.sleepers))
  put("bytes", (measure.rss() - before) / measure.sleepers)
  tl.stop()
end

workloads[arg[1]](arg[2], arg[3])
