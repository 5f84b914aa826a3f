#!/usr/bin/env timerlua
-- Three timer descriptors and a server in one select, until a client says stop.
-- Only the read list is given: sockets can nearly always be written, so a write
-- list with all of them would never wait.
-- With tl, see scripts/stop_server.lua: there is no list, only tl.every, tl.listen.
-- Run: timerlua scripts/descriptors/timerfd_select_stop.lua [address]; Ctrl-C ends it,
--   and so does   echo stop | nc -N 127.0.0.1 1234
local select, timerfd = require "timerlua.select", require "timerlua.timerfd"
local shared = dofile(arg[0]:match("^.*/") .. "shared/server.lua")
local server = shared.listen((...) or "127.0.0.1:1234")
local reading, on, running = { server }, {}, true -- on: functions, by object

for i = 1, 3 do
  local timer = assert(timerfd.create(timerfd.CLOCK_MONOTONIC, timerfd.TFD_NONBLOCK))
  timer:settime { initial = i / 4, interval = i / 4 }
  reading[i + 1] = timer
  on[timer] = function() print(("timer %d expired"):format(i), timer:read()) end
end

local function say(line)
  print(line == "stop" and "stopping" or "unknown command", line)
  if line == "stop" then running = false end
end

on[server] = function()
  local conn, peer = shared.accept(server)
  if not conn then return end
  reading[#reading + 1] = conn
  local receive = shared.line_reader(conn, say)
  on[conn] = function()
    local goes_on, message = receive()
    if goes_on then return end
    print("end of " .. peer, message)
    for i, each in ipairs(reading) do if each == conn then table.remove(reading, i) end end
    conn:close()
  end
end

while running do for _, ready in ipairs((select.select(reading, {}, {}))) do on[ready]() end end
