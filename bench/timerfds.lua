-- The workloads of timer descriptors on timerlua, and the same timers without
-- descriptors: timerfds.lua descriptors|blocking|every COUNT. See timerfds.c.
-- blocking: in a coroutine of the script's own, where a wait blocks the thread;
-- every 0: as many as there may be descriptors.

local ffi = require "ffi"
local tl = require "timerlua"
-- By path: in a folder searched for modules, timerlua.lua would be timerlua.
local measure = dofile((arg[0]:match("^.*/") or "") .. "measure.lua")

local seconds, half_second = 4, 500000000
local way, count = arg[1], tonumber(arg[2])

local function slab_bytes()
  for line in io.lines("/proc/meminfo") do
    local kib = line:match("^SUnreclaim:%s+(%d+) kB")
    if kib then return kib * 1024 end
  end
end

local function period_ns(i)
  return half_second + math.floor(i * half_second / count)
end

-- As many as there may be descriptors, beside what else is open.
local function allowed(wanted)
  local limits = require "timerlua.limits"
  local _, hard = limits.nofile()
  limits.nofile(hard)
  return math.min(wanted, hard - 16)
end

-- A function that makes them, and one that runs them until then and returns
-- how often they fired and how often that was told.
local ways = {}

function ways.descriptors()
  local select = require "timerlua.select"
  local timerfd = require "timerlua.timerfd"
  count = allowed(count)
  local ep = select.epoll()
  local by_fd = {}

  local function make()
    for i = 0, count - 1 do
      local timer = assert(timerfd.create(timerfd.CLOCK_MONOTONIC, timerfd.TFD_NONBLOCK))
      timer:settime_ns(0, period_ns(i), period_ns(i))
      ep:register(timer, select.EPOLLIN)
      by_fd[timer:fileno()] = timer
    end
  end

  local function run(until_s)
    local fired, reads = 0, 0
    while tl.now() < until_s do
      for fd in ep:events() do
        local expired = by_fd[fd]:read()
        if expired then
          fired, reads = fired + expired, reads + 1
        end
      end
    end
    return fired, reads
  end

  return make, run
end

-- Inside a C function, where a read blocks.
function ways.blocking()
  local make, run = ways.descriptors()
  return make, function(...)
    local arguments, fired, reads = { ... }, nil, nil
    string.gsub("x", "x", function() fired, reads = run(unpack(arguments)) end)
    return fired, reads
  end
end

function ways.every()
  if count == 0 then count = allowed(100000) end
  local all, fired = measure.array(count), 0
  local function fire() fired = fired + 1 end

  local function make()
    for i = 0, count - 1 do
      all[i + 1] = tl.every(ffi.cast("int64_t", period_ns(i)), fire)
    end
  end

  return make, function(until_s)
    tl.sleep(until_s - tl.now())
    return fired, fired
  end
end

local make, run = ways[way]()
collectgarbage()
local slab, rss = slab_bytes(), measure.rss()
local start, cpu = tl.now(), os.clock()
make()
measure.put("create_us", (os.clock() - cpu) * 1e6 / count)
collectgarbage()
measure.put("rss_bytes", (measure.rss() - rss) / count)
measure.put("kernel_bytes", (slab_bytes() - slab) / count)
cpu = os.clock()
local fired, reads = run(start + seconds)
measure.put("firing_us", (os.clock() - cpu) * 1e6 / reads)
measure.put("fired", fired)
measure.put("timers", count)
os.exit(0, false)
