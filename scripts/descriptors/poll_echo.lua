#!/usr/bin/env timerlua
-- An echo server on poll, which keeps the descriptors and what each waits for.
-- With tl, see scripts/echo_server.lua: one function per connection, conn:send waits.
-- Run: timerlua scripts/descriptors/poll_echo.lua [address]; Ctrl-C ends it. Then
--   timerlua scripts/descriptors/echo_multiclient.lua 127.0.0.1:10000
local select = require "timerlua.select"
local echo = dofile(arg[0]:match("^.*/") .. "shared/echo.lua")

local server, clients = echo.listen((...) or "127.0.0.1:10000"), {} -- by descriptor
local poller = select.poll()
poller:register(server, select.POLLIN)

local function serve(fd, client, event)
  -- after a hang-up or an error, which are always told, a send says the cause
  local ill = bit.band(event, select.POLLHUP + select.POLLERR) ~= 0
  if client:wants_to_send() and (ill or bit.band(event, select.POLLOUT) ~= 0) then
    client:send()
  end
  if client:wants_to_receive() and (ill or bit.band(event, select.POLLIN) ~= 0) then
    client:receive()
  end
  if client.closed then
    clients[fd] = nil
    return poller:unregister(fd)
  end
  poller:modify(fd, (client:wants_to_receive() and select.POLLIN or 0)
    + (client:wants_to_send() and select.POLLOUT or 0))
end

while true do
  for _, ready in ipairs(assert(poller:poll())) do
    local fd, event = ready[1], ready[2]
    local client = clients[fd] or echo.accept(server)
    if clients[fd] then serve(fd, client, event)
    elseif client then
      clients[client:fileno()] = client
      poller:register(client, select.POLLIN)
    end
  end
end
