#!/usr/bin/env timerlua
-- A chat on a Unix socket, written with callbacks: the words of one client go to all
-- others. A client that does not read is disconnected, so that no client waits for it.
-- Run: timerlua scripts/chat.lua [address]; Ctrl-C ends it. Take part by
--   nc -U /tmp/chat.socket
local tl = require "timerlua"
io.stdout:setvbuf("line")

local names, unfinished, guests = {}, {}, 0

local function tell(text, but)
  for conn in pairs(names) do
    if conn ~= but then conn:send(text .. "\n") end
    if select(2, conn:queued()) then conn:abort() end
  end
end

local function open(conn)
  guests = guests + 1
  names[conn] = "guest " .. guests
  tell(names[conn] .. " has come")
end

local function data(conn, bytes)
  local text = (unfinished[conn] or "") .. bytes
  local rest = text:match(".*\n()") or 1
  for line in text:sub(1, rest - 1):gmatch("(.-)\n") do tell(names[conn] .. ": " .. line, conn) end
  unfinished[conn] = text:sub(rest)
  if #unfinished[conn] > 4096 then conn:close() end -- no line of a chat
end

local function close(conn)
  tell(names[conn] .. " has left", conn)
  names[conn], unfinished[conn] = nil, nil
end

local server = assert(tl.listen((...) or "unix:/tmp/chat.socket",
  { open = open, data = data, close = close }))
print("listening on " .. server:sock())
tl.on("stop", function() server:close() end) -- takes the socket's file away
