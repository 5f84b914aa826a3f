#!/usr/bin/env timerlua
-- Several clients at once, and a slow one that no other waits for. They talk to an
-- echo server; if no address is given, the script runs one.
-- Run: timerlua scripts/echo_clients.lua [address]; ends by itself.
local tl = require "timerlua"

local function echo(conn)
  repeat
    local bytes = conn:receive_some()
  until not bytes or not conn:send(bytes)
end

local address = ...
if not address then
  address = assert(tl.listen("127.0.0.1:0", echo)):unref():sock()
end

local parts = { "This message ", "is sent ", "in parts." }

local function client(name, pause)
  local conn = assert(tl.connect(address, { timeout = 5 }))
  tl.defer(conn.close, conn)
  for _, part in ipairs(parts) do
    tl.sleep(pause)
    assert(conn:send(part))
    print(name .. " received", assert(conn:receive(#part)))
  end
  conn:shutdown("send")
  local _, err, more = conn:receive("*a")
  assert(err == "closed" and more == "", "something else came back")
  print(name .. " is done")
end

tl.scope(function(scope)
  scope:spawn(client, "slow", 0.2)
  for i = 1, 3 do scope:spawn(client, "quick " .. i, 0) end
end)
