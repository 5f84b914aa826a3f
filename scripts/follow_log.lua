#!/usr/bin/env timerlua
-- A log follower that survives rotation, by rename and create or by copy and truncate, but
-- for limits that docs/streams.md names. A file that was moved may still be written to.
-- Run: timerlua scripts/follow_log.lua file [start]; Ctrl-C ends it.
local tl = require "timerlua"

local path, from = ...
assert(path, "usage: timerlua scripts/follow_log.lua file [start]")

local old, current -- open files, and how far they have been read

local function drain(log)
  if log.file:seek("end") < log.at then log.at = 0 end -- it was truncated
  log.file:seek("set", log.at)
  for bytes in function() return log.file:read(65536) end do
    log.at = log.at + #bytes
    assert(tl.stdout:send(bytes))
  end
end

local function open()
  local file = io.open(path, "rb")
  if not file then return end
  if old then
    drain(old)
    old.file:close()
  end
  old, current = current, { file = file, at = 0 }
end

local news = tl.channel(100)
assert(tl.on_file(path, function(_, event) news:send(event) end))
open()
if current and from ~= "start" then current.at = current.file:seek("end") end
while true do
  if old then drain(old) end
  if current then drain(current) end
  local event = tl.timeout(0.2, news.receive, news) -- the old one tells nothing
  if event == "create" or event == "overflow" then open() end
end
