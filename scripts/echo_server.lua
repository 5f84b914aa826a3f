#!/usr/bin/env timerlua
-- Echo for any number of clients, each of them a task of its own; and other work
-- whenever nothing has come for a second.
-- Run: timerlua scripts/echo_server.lua [address]; Ctrl-C ends it. A client is
--   nc 127.0.0.1 10000     or timerlua scripts/echo_clients.lua 127.0.0.1:10000
local tl = require "timerlua"
io.stdout:setvbuf("line")

local idle = tl.every(1, function(timer)
  print("nothing has come; other work, " .. timer.runs)
end)

-- Straight-line code: send waits while the client does not read, and so no more
-- is received from it.
local function echo(conn)
  print("connection from", conn:peer())
  while true do
    local bytes, err = conn:receive_some()
    if not bytes then return print("end of", conn:peer(), err) end
    idle:reset()
    conn:send(bytes)
  end
end

local server = assert(tl.listen((...) or "127.0.0.1:10000", echo))
print("listening on " .. server:sock())
