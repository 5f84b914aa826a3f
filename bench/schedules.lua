-- K1 on timerlua: the next instants of 50 schedules in 20 zones, from 20 instants in two
-- years each. Twins: schedules.js, schedules.py.
local measure = dofile((arg[0]:match("^.*/") or "") .. "measure.lua")
local tl = require "timerlua"

local lines = {}
for line in io.lines((arg[0]:match("^.*/") or "") .. "schedules.txt") do
  lines[#lines + 1] = line
end

for zone in lines[1]:gmatch "%S+" do tl.zone(zone) end
collectgarbage()
local before = collectgarbage "count"
local schedules = {}
for zone in lines[1]:gmatch "%S+" do
  for i = 2, #lines do schedules[#schedules + 1] = tl.schedule(lines[i], { tz = zone }) end
end
collectgarbage()
measure.put("bytes", (collectgarbage "count" - before) * 1024 / #schedules)

local function all(count)
  local sum = 0
  for k = 0, count - 1 do
    local from = 1767225600 + k * 3155555
    for i = 1, #schedules do sum = sum + schedules[i]:next(from) end
  end
  return sum
end

for _ = 1, 5 do all(20) end -- compiled, as in a program that runs for long
local start = tl.now()
local sum = all(20)
measure.put("next_ns", (tl.now() - start) * 1e9 / (20 * #schedules))
measure.put("sum", sum % 1e6)
