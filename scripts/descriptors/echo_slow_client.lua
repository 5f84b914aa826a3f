#!/usr/bin/env timerlua
-- A client that pauses between the parts of what it sends, then takes the echo in
-- small pieces. The server is one of its own if no address is given.
-- With tl, see scripts/echo_clients.lua: conn:receive(n) waits for all n bytes.
-- Run: timerlua scripts/descriptors/echo_slow_client.lua [address]; ends by itself.
local tl, socket = require "timerlua", require "timerlua.socket"
local address, stop = ..., nil
if not address then
  address, stop = dofile(arg[0]:match("^.*/") .. "shared/echo.lua").of_our_own()
end

local s = assert(socket.socket())
s:settimeout(10) -- for each wait
assert(s:connect(address))
print("connected to " .. s:getpeername())

local sent, received = "", ""
for _, part in ipairs { "Part one of the message.", "Part two of the message." } do
  tl.sleep(0.3)
  print("sending", part)
  assert(s:sendall(part))
  sent = sent .. part
end

while #received < #sent do
  local bytes = assert(s:recv(16))
  assert(bytes ~= "", "the server has closed the connection")
  print("received", bytes)
  received = received .. bytes
end
assert(received == sent, "something else came back")
s:close()
if stop then stop() end
