#!/usr/bin/env timerlua
-- A restart that refuses no client. The listening socket comes from the parent, as
-- fd:3, so it stays open while one process ends and the next begins; after SIGTERM
-- a process accepts no more clients and serves those it has.
-- Run: timerlua scripts/graceful_restart.lua [address] [name]; Ctrl-C ends it.
--   As systemd-socket-activate -l 8000 timerlua scripts/graceful_restart.lua
--   or under a service that has a socket unit it needs no address.
local tl = require "timerlua"
io.stdout:setvbuf("line")

local address, name = ...

local function serve(conn)
  local line = conn:receive()
  tl.sleep(0.05) -- some work
  if line then conn:send((name or "server") .. " got " .. line .. "\n") end
end

local server = assert(tl.listen(address or "fd:3", serve, { timeout = 4 }))
print("listening on " .. server:sock())

tl.on("stop", function()
  server:close() -- who connects now waits in the backlog for the next process
  while server.connections > 0 do tl.sleep(0.01) end
  print("all are served")
end)
