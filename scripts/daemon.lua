#!/usr/bin/env timerlua
-- A daemon for systemd: it reports when it is ready, reads its file of settings
-- again at HUP, and ends in good order at TERM. The file returns a
-- table, as return { period = 0.5, greeting = "hi" }.
-- Run: timerlua scripts/daemon.lua [file]; Ctrl-C ends it.
--   Its unit, with Type=notify-reload and WatchdogSec=: docs/daemon.md.
local tl = require "timerlua"
io.stdout:setvbuf("line")

local path = ...
local settings, greetings = { period = 1, greeting = "hello" }, 0

local function read_settings()
  if path then settings = setfenv(assert(loadfile(path)), {})() end
  print("period " .. settings.period .. " s")
end

read_settings() -- an error here ends the script: it was never ready

local job = tl.every(settings.period, function()
  greetings = greetings + 1
  print(settings.greeting .. " " .. greetings)
end)

-- An error here is reported, and the settings stay as they were.
tl.on("reload", function()
  read_settings()
  job:reset(settings.period, settings.period)
end)
tl.signal("HUP", tl.reload)

tl.on("stop", function(reason)
  job:cancel()
  tl.sleep(0.05) -- what is under way is brought to its end
  print("stopped by " .. reason .. " after " .. greetings .. " greetings")
end)

tl.notify { ready = true, status = "greeting every " .. settings.period .. " s" }
