#!/usr/bin/env timerlua
-- Three timers, every 0.25, 0.5 and 0.75 s. Those that are due together run in
-- one batch, and each batch is shown as one line: all three meet at 1.5 s.
-- Run: timerlua scripts/coincidences.lua; ends by itself after 1.5 s.
local tl = require "timerlua"

local PERIODS = { 0.25, 0.5, 0.75 }
local batch = {} -- the periods of the timers in this batch

local function show(_, seconds)
  local columns = {}
  for i, period in ipairs(PERIODS) do columns[i] = batch[period] and "*" or "." end
  print(("%4.2f s     %s"):format(seconds, table.concat(columns, "       ")))
  batch = {}
end

local function tick(timer)
  -- No delay means the next turn of the loop: after the rest of this batch.
  if next(batch) == nil then tl.after(0, show, timer.runs * timer.period) end
  batch[timer.period] = true
end

print("time       0.25 s  0.5 s   0.75 s")
for _, period in ipairs(PERIODS) do
  tl.timer { every = period, limit = 1.5 / period, fn = tick }
end
