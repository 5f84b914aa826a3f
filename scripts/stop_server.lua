#!/usr/bin/env timerlua
-- Three timers go on while a server waits for the word stop.
-- Run: timerlua scripts/stop_server.lua [address]; Ctrl-C ends it, and so does
--   echo stop | nc -N 127.0.0.1 1234
local tl = require "timerlua"
io.stdout:setvbuf("line")

for i = 1, 3 do
  tl.every(i * 0.25, function(timer)
    print(("timer %d: %.2f s"):format(i, i * 0.25 * timer.runs))
  end)
end

local function serve(conn)
  print("connection from", conn:peer())
  while true do
    local line, err = conn:receive()
    if not line then return print("end of", conn:peer(), err) end
    if line == "stop" then
      print("stopping")
      return tl.stop()
    end
    print("unknown command", line)
  end
end

local server = assert(tl.listen((...) or "127.0.0.1:1234", serve))
print("listening on " .. server:sock())
