#!/usr/bin/env timerlua
-- Runs a shell command when files or the entries of directories change: once for each burst
-- of changes, at the latest 5 s after the first, and again if something has changed while
-- the command ran.
-- Run: timerlua scripts/rebuild.lua command path [path ...]; Ctrl-C ends it.
local tl = require "timerlua"
io.stdout:setvbuf("line")

local command, paths = ..., { select(2, ...) }
if not paths[1] then
  io.stderr:write("usage: timerlua scripts/rebuild.lua command path [path ...]\n")
  os.exit(2)
end

local changes = 0

local rebuild = tl.debounce("0.3s", function(latest)
  print(("%d changes, the latest of %s: %s"):format(changes, latest, command))
  changes = 0
  local status = assert(tl.exec { "sh", "-c", command }):wait()
  print("ended by " .. (status.signal or "status " .. status.code))
end, { max_wait = "5s" })
rebuild.name = "rebuild"

for _, path in ipairs(paths) do
  assert(tl.on_file(path, function(_, event, changed, message)
    if event == "error" then error(message) end
    changes = changes + 1
    rebuild(changed)
  end))
end
print("watching " .. table.concat(paths, " "))
