#!/usr/bin/env timerlua
-- A port forwarder. It holds little, however much there is to carry: send waits
-- while the reader is slow, then nothing is received, and TCP slows the sender.
-- Run: timerlua scripts/forward.lua target [address]; Ctrl-C ends it.
local tl = require "timerlua"
io.stdout:setvbuf("line")

local target, address = ...
assert(target, "usage: timerlua scripts/forward.lua target [address]")

-- Carry all bytes and then the end, one way. A failure ends both ways.
local function carry(from, to)
  while true do
    local bytes, _, _, code = from:receive_some()
    if not bytes and code == "EOF" then return to:shutdown("send") end
    if not bytes or not to:send(bytes) then
      from:close()
      return to:abort()
    end
  end
end

local function forward(conn)
  local upstream, message = tl.connect(target, { timeout = 10 })
  if not upstream then return print(message) end
  tl.defer(upstream.close, upstream)
  upstream:settimeout(nil) -- from here on it may be silent as long as it likes
  tl.scope(function(scope)
    scope:spawn(carry, conn, upstream)
    carry(upstream, conn)
  end)
end

local server = assert(tl.listen(address or "127.0.0.1:9000", forward))
print("listening on " .. server:sock())
