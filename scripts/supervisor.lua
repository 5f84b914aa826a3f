#!/usr/bin/env timerlua
-- Keeps a program running: starts it again when it ends, after a pause that
-- doubles while it ends soon, and gives up when that goes on. A signal to the
-- supervisor ends the program first, by TERM and if need be by KILL.
-- Run: timerlua scripts/supervisor.lua program [argument ...]; Ctrl-C ends it.
local tl = require "timerlua"
io.stdout:setvbuf("line")

local FIRST, LONGEST = 0.05, 30 -- seconds of pause
local STEADY, MOST = 10, 5 -- seconds that are a good start; bad ones in a row
local OPTIONS = { rlimits = { nofile = 1024, core = 0 }, pgroup = true }

local argv, child, stopping = { ... }, nil, false

local function give_up(message, status)
  io.stderr:write("supervisor.lua: ", message, "\n")
  os.exit(status)
end
if not argv[1] then give_up("usage: timerlua scripts/supervisor.lua program [argument ...]", 2) end

tl.on("stop", function()
  stopping = true
  if child and child:stop(2) then child:wait() end
  print "stopped"
end)

local pause, failures = FIRST, 0
repeat
  local begun, started, message = tl.now(), tl.exec(argv, OPTIONS)
  child = started
  if not child then give_up(message, 1) end
  print(("started %s (%d)"):format(argv[1], child.pid))
  local status = child:wait()
  if stopping then break end
  print("ended by " .. (status.signal or "status " .. status.code))
  if tl.now() - begun >= STEADY then pause, failures = FIRST, 0 end
  tl.sleep(pause)
  pause, failures = math.min(2 * pause, LONGEST), failures + 1
until failures == MOST or stopping
if failures == MOST then print "given up" tl.stop(1) end
