#!/usr/bin/env timerlua
-- Tasks are straight-line code that waits: spawn, sleep, join, cancel, defer.
-- Run: timerlua scripts/tasks.lua; ends by itself after half a second.
local tl = require "timerlua"

local function fetch(name, seconds)
  print(name .. ": started")
  tl.defer(print, name .. ": tidied up") -- however the task ends
  tl.sleep(seconds)
  return name .. " took " .. seconds .. " s"
end

-- Two tasks run at the same time; join waits for each and returns its result.
local slow = tl.spawn(fetch, "slow", 0.3)
local quick = tl.spawn(fetch, "quick", 0.1)
print("main: " .. quick:join())
print("main: " .. slow:join())

-- A cancelled task ends where it waits. join then says so.
local endless = tl.spawn(fetch, "endless", 1000)
tl.sleep(0.1)
endless:cancel()
print("main:", endless:join())

-- join raises the error that ended a task, so pcall catches it here.
local broken = tl.spawn(function() error("no such host", 0) end)
local ok, message = pcall(broken.join, broken)
print("main:", ok, message:match("^[^\n]*"))
