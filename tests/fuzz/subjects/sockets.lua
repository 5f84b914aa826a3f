-- Plain sockets.
local socket = require "timerlua.socket"
local tl = require "timerlua"
local actions = require "actions"
local chance = require "chance"
local pool = require "pool"
local values = require "values"

local add = actions.of "sockets"
local maybe = values.maybe

local KINDS = { socket.SOCK_STREAM, socket.SOCK_DGRAM }

add(1, "socket.socketpair", function()
  local one, other = socket.socketpair(maybe(socket.AF_UNIX), maybe(chance.of(KINDS)))
  if not one then return end
  pool.keep("socket", one)
  pool.keep("socket", other)
end)

add(1, "socket.socket", function()
  pool.keep("socket", (socket.socket(maybe(socket.AF_INET), maybe(chance.of(KINDS)))))
end)

local function target()
  local listener = pool.any "listener"
  return listener and listener:sock() or "127.0.0.1:9"
end

-- The arguments of each method, by chance.
local ARGUMENTS = {
  bind = function() return maybe "127.0.0.1:0" end,
  listen = function() return maybe(3) end,
  accept = function() end,
  connect = function() return maybe(target()) end,
  recv = function() return maybe(100) end,
  recvfrom = function() return maybe(100) end,
  send = function() return maybe(values.bytes()) end,
  sendall = function() return maybe(values.bytes()) end,
  sendto = function() return maybe "x", maybe(target()) end,
  shutdown = function() return maybe(1) end,
  setblocking = function() return maybe(false) end,
  setsockopt = function() return maybe(1), maybe(2), maybe(1) end,
  getsockopt = function() return maybe(1), maybe(4), chance.percent(20) and maybe(4) or nil end,
}

-- Not in a task, a call blocks the whole thread, so there is always a limit.
local function call(name)
  local plain = pool.any "socket"
  if not plain then return end
  if not plain.closed then plain:settimeout(chance.of { 0, 0.001, 0.002 }) end
  return tl.timeout(0.003, plain[name], plain, ARGUMENTS[name]())
end

for _, name in ipairs(chance.sorted_keys(ARGUMENTS)) do
  add(1, "socket:" .. name, function() call(name) end)
end

actions.add_plain(add, "socket", "getsockname getpeername fileno gettimeout getblocking close")
