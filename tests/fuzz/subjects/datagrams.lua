-- Datagram sockets.
local tl = require "timerlua"
local actions = require "actions"
local chance = require "chance"
local pool = require "pool"
local values = require "values"

local add = actions.of "datagrams"
local maybe, short = values.maybe, values.short

local function target()
  local udp = pool.any "udp"
  return udp and udp:sock() or "127.0.0.1:9"
end

local HANDLERS = {
  function() return nil end,
  function() return values.callback() end,
  function() return values.callbacks("data", "error", "close") end,
}

add(2, "udp", function()
  local udp = tl.udp(maybe(chance.of { "127.0.0.1:0", "unix:", "[::1]:0" }),
    maybe(chance.of(HANDLERS)()), values.options { timeout = 0.002, broadcast = true, ttl = 3,
      rcvbuf = 2000, sndbuf = 2000, multicast_loop = true, error = values.callback() })
  if udp then tl.after(0.1, function() udp:close() end) end
  pool.keep("udp", udp)
end)

add(3, "udp:send", function()
  tl.timeout(short(), actions.call, "udp", "send", maybe(values.bytes():sub(1, 60000)),
    maybe(target()))
end)

add(1, "udp:sendto", function()
  tl.timeout(short(), actions.call, "udp", "sendto", maybe "x", maybe "127.0.0.1", maybe(9))
end)

add(2, "udp:receive", function()
  tl.timeout(short(), actions.call, "udp", chance.of { "receive", "receivefrom" })
end)

add(1, "udp:connect", function()
  tl.timeout(0.01, actions.call, "udp", "connect", maybe(target()))
end)

add(1, "udp:setpeername", function()
  tl.timeout(0.01, actions.call, "udp", "setpeername", maybe "127.0.0.1", maybe(9))
end)

add(1, "udp:setsockname", function()
  actions.call("udp", "setsockname", maybe "127.0.0.1", maybe(0))
end)

actions.add_plain(add, "udp", [[pause resume ref unref sock peer fileno closed getsockname
  getpeername close]])

add(1, "udp:settimeout", function() actions.call("udp", "settimeout", maybe(0.002)) end)

local OPTIONS = { "broadcast", "ttl", "rcvbuf", "multicast_ttl", "multicast_loop", "v6only" }

add(1, "udp:setoption", function()
  actions.call("udp", "setoption", maybe(chance.of(OPTIONS)), maybe(chance.of { true, 1, 5000 }))
end)

add(1, "udp:getoption", function() actions.call("udp", "getoption", maybe(chance.of(OPTIONS))) end)

add(1, "udp:join", function()
  actions.call("udp", chance.of { "join", "leave" }, maybe(chance.of { "239.1.2.3", "ff02::1" }),
    chance.percent(50) and maybe "lo" or nil)
end)
