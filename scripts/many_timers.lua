#!/usr/bin/env timerlua
-- 100,000 periodic timers, each with its own period and its own function, and
-- one that runs once; no timer has a file descriptor.
-- Run: timerlua scripts/many_timers.lua; ends by itself after 2.5 s.
local tl = require "timerlua"

local COUNT, SECONDS = 100000, 2.5

local function resident() -- KiB
  local file = assert(io.open("/proc/self/status"))
  local text = file:read("*a")
  file:close()
  return tonumber(text:match("VmRSS:%s*(%d+)"))
end

local function open_descriptors()
  local count = 0
  for fd = 0, 1023 do
    local file = io.open("/proc/self/fdinfo/" .. fd)
    if file then count = count + 1 file:close() end
  end
  return count
end
local actions, ticks, before, opened = {}, 0, resident(), open_descriptors()
local function run(timer) actions[timer](timer) end

for i = 1, COUNT do
  local timer = tl.every(0.5 + i * 25e-6, run) -- up to 3 s
  actions[timer] = function() ticks = ticks + 1 end
end
actions[tl.after(1, run)] = function(timer) print(tostring(timer) .. " ran once") end
tl.sleep(SECONDS)

print(("%d timers wait; descriptors opened for all of them: %d"):format(
  tl.stats().active, open_descriptors() - opened))
local late = tl.stats().lateness
print(("%d ticks in %.1f s"):format(ticks, SECONDS))
print(("late: half within %.3f ms, 99%% within %.3f ms"):format(late.p50 * 1e3, late.p99 * 1e3))
print(("memory: %.0f bytes a timer and its function"):format((resident() - before) * 1024 / COUNT))
tl.stop()
