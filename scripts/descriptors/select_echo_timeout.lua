#!/usr/bin/env timerlua
-- The select echo server with a timeout, to do other work while nothing happens.
-- With tl, see scripts/echo_server.lua: a tl.every beside the connections, which
-- comes in time also when something happens.
-- Run: timerlua scripts/descriptors/select_echo_timeout.lua [address]; Ctrl-C ends it.
--   timerlua scripts/descriptors/echo_slow_client.lua 127.0.0.1:10000
local select = require "timerlua.select"
local echo = dofile(arg[0]:match("^.*/") .. "shared/echo.lua")

local server, clients = echo.listen((...) or "127.0.0.1:10000"), {}

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
  local readable, writable = assert(select.select(reading, writing, {}, 0.2))
  if #readable == 0 and #writable == 0 then print("nothing happens: other work") end
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
