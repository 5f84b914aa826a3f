#!/usr/bin/env timerlua
-- An echo server on select: received bytes are queued, and sent when there is room.
-- A client that does not read is not read from either, and hinders no other.
-- With tl, see scripts/echo_server.lua: one function per connection, conn:send waits.
-- Run: timerlua scripts/descriptors/select_echo.lua [address]; Ctrl-C ends it. Then
--   timerlua scripts/descriptors/echo_multiclient.lua 127.0.0.1:10000
local select = require "timerlua.select"
local echo = dofile(arg[0]:match("^.*/") .. "shared/echo.lua")

local server, clients = echo.listen((...) or "127.0.0.1:10000"), {}

-- The lists are built each time: select(2) remembers nothing.
local function interests()
  local reading, writing = { server }, {}
  for client in pairs(clients) do
    if client:wants_to_receive() then reading[#reading + 1] = client end
    if client:wants_to_send() then writing[#writing + 1] = client end
  end
  return reading, writing
end

while true do
  local reading, writing = interests()
  local readable, writable = assert(select.select(reading, writing, {}))
  for _, each in ipairs(readable) do
    if each == server then
      local client = echo.accept(server)
      if client then clients[client] = true end
    else
      each:receive()
    end
  end
  for _, client in ipairs(writable) do client:send() end
  for client in pairs(clients) do
    if client.closed then clients[client] = nil end
  end
end
