#!/usr/bin/env timerlua
-- Three timer descriptors and a server in one epoll set, until a client says stop.
-- With tl, see scripts/stop_server.lua: tl.every is a timer without a descriptor,
-- tl.listen accepts, conn:receive() waits for a line, and no set is to be kept.
-- Run: timerlua scripts/descriptors/timerfd_epoll_stop.lua [address]; Ctrl-C ends it,
--   and so does   echo stop | nc -N 127.0.0.1 1234
local select, timerfd = require "timerlua.select", require "timerlua.timerfd"
local shared = dofile(arg[0]:match("^.*/") .. "shared/server.lua")
local server = shared.listen((...) or "127.0.0.1:1234")

local ep, running, on = assert(select.epoll()), true, {} -- on: functions, by descriptor
local function add(object, react)
  on[object:fileno()] = react
  assert(ep:register(object, select.EPOLLIN))
end

for i = 1, 3 do
  local timer = assert(timerfd.create(timerfd.CLOCK_MONOTONIC, timerfd.TFD_NONBLOCK))
  timer:settime { initial = i / 4, interval = i / 4 }
  add(timer, function() print(("timer %d expired"):format(i), timer:read()) end)
end

local function say(line)
  print(line == "stop" and "stopping" or "unknown command", line)
  if line == "stop" then running = false end
end

add(server, function()
  local conn, peer = shared.accept(server)
  local receive = conn and shared.line_reader(conn, say)
  if conn then add(conn, function()
    local goes_on, message = receive()
    if goes_on then return end
    print("end of " .. peer, message)
    on[conn:fileno()] = nil
    conn:close() -- which takes it out of the set, too
  end) end
end)

while running do for fd in ep:events() do if on[fd] then on[fd]() end end end
