#!/usr/bin/env timerlua
-- Three sockets talk in turns to an echo server, to one of their own if no address
-- is given. They are in blocking mode: a recv waits, in a task as here while the
-- loop goes on.
-- With tl, see scripts/echo_clients.lua: a task for each, and none waits for others.
-- Run: timerlua scripts/descriptors/echo_multiclient.lua [address]; ends by itself.
local socket = require "timerlua.socket"
local address, stop = ..., nil
if not address then
  address, stop = dofile(arg[0]:match("^.*/") .. "shared/echo.lua").of_our_own()
end

local parts = { "This message ", "is sent ", "in parts." }
local sockets = {}
for i = 1, 3 do
  sockets[i] = assert(socket.socket())
  assert(sockets[i]:connect(address))
end

for _, part in ipairs(parts) do
  for _, s in ipairs(sockets) do assert(s:sendall(part)) end
  for i, s in ipairs(sockets) do
    local came = ""
    while #came < #part do -- it may come in pieces
      local bytes = assert(s:recv(#part - #came))
      assert(bytes ~= "", "the server has closed the connection")
      came = came .. bytes
    end
    print(("socket %d received"):format(i), came)
  end
end

for i, s in ipairs(sockets) do
  assert(s:shutdown(socket.SHUT_WR))
  assert(s:recv(1) == "", "something else came back")
  s:close()
  print(("socket %d is done"):format(i))
end
if stop then stop() end
