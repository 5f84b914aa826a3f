#!/usr/bin/env timerlua
-- A beacon that announces itself to a multicast group every 0.1 s, and a
-- listener that did not know of it and answers. All on the loopback device.
-- Run: timerlua scripts/udp_beacon.lua; ends by itself after 0.5 s.
local tl = require "timerlua"

local GROUP = "239.255.77.77"

-- The listener takes any free port here; a real one would be agreed upon, and
-- reuseport would let several listen to it on one machine.
local heard = 0
local listener = assert(tl.udp("0.0.0.0:0", function(socket, data, from)
  heard = heard + 1
  print(("heard %q"):format(data))
  socket:send("hello, beacon", from)
end))
assert(listener:join(GROUP, "lo"))
local _, port = listener:getsockname()

local beacon = assert(tl.udp("127.0.0.1:0", {
  data = function(_, data) print(("answered %q"):format(data)) end,
}, { multicast_interface = "lo", multicast_ttl = 1 }))

local count = 0
local timer = tl.every(0.1, function()
  count = count + 1
  assert(beacon:send("beacon here, call " .. count, GROUP .. ":" .. port))
end)

tl.sleep(0.45)
timer:cancel()
tl.sleep(0.05) -- the last answer may be on its way
beacon:close()
listener:close()
print(("%d calls, %d heard"):format(count, heard))
