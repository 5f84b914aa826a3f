-- Stream sockets, pipes, names.
local ffi = require "ffi"
local buffer = require "string.buffer"
local tl = require "timerlua"
local actions = require "actions"
local chance = require "chance"
local pool = require "pool"
local values = require "values"

local add = actions.of "streams"
local maybe, short = values.maybe, values.short

local function address()
  return chance.of { "127.0.0.1:0", "127.0.0.1:0", "[::1]:0", ":0",
    ("unix:@timerlua.fuzz.%d.%d"):format(ffi.C.getpid(), chance.to(5)) }
end

-- Where somebody listens, maybe.
local function target()
  local holder = pool.any(chance.of { "listener", "listener", "udp" })
  return holder and holder:sock()
    or chance.of { "127.0.0.1:1", "unix:@timerlua.fuzz.nobody", "[fe80::1%nodevice]:9" }
end

local function callbacks()
  return values.callbacks("open", "data", "drain", "eof", "error", "close")
end

local function handler()
  if chance.percent(40) then return callbacks() end
  local body = values.callback()
  return function(conn) return body(pool.keep("conn", conn)) end
end

local function options_of_both_ends()
  return values.options { timeout = short(), high = 1000, low = 10, limit = 100000,
    receive_limit = 1000, close_timeout = 0.01, edge = true, linger_input = 0.01 }
end

-- ---------------------------------------------------------------------------
-- making

add(3, "listen", function()
  local listener = tl.listen(maybe(address()), maybe(handler()), values.options { backlog = 3,
    max_connections = 2, autoclose = false, timeout = 0.003, high = 100, low = 10,
    error = values.callback(), nodelay = false, reuseport = true, edge = true, ttl = 3,
    linger_input = 0.01, close_timeout = 0.01, defer_accept = 1 })
  if listener then tl.after(0.1, function() listener:close() end) end
  pool.keep("listener", listener)
end)

actions.add_plain(add, "listener", "pause resume ref unref sock getsockname fileno close")

add(4, "connect", function()
  local options = values.options { timeout = short(), edge = true, high = 1000, low = 10,
    receive_limit = 100, local_addr = "127.0.0.1:0", handler = callbacks(), linger_input = 0.01,
    close_timeout = 0.01 }
  if type(options) == "table" then rawset(options, "timeout", options.timeout or 0.02) end
  pool.keep("conn", (tl.timeout(0.05, tl.connect, maybe(target()), options)))
end)

for _, name in ipairs { "socketpair", "pipe" } do
  add(2, name, function()
    local one, other = tl[name](options_of_both_ends())
    if not one then return end
    pool.keep("conn", one)
    pool.keep("conn", other)
  end)
end

add(1, "resolve", function()
  tl.timeout(0.02, tl.resolve, maybe(chance.of { "localhost", "127.0.0.1", "[::1]", "no such",
    "1.2.3", "x.localhost" }), values.options { family = "inet", timeout = 0.01 })
end)

-- ---------------------------------------------------------------------------
-- bytes

local function data()
  local form = chance.to(5)
  if form == 1 then return { values.bytes(), values.bytes() } end
  if form == 2 then return buffer.new():put(values.bytes()) end
  return values.bytes()
end

add(6, "conn:send", function()
  tl.timeout(short(), actions.call, "conn", "send", maybe(data()))
end)

add(1, "conn:send of a part", function()
  tl.timeout(short(), actions.call, "conn", "send", maybe(values.bytes()), maybe(1), maybe(-1))
end)

add(5, "conn:receive", function()
  tl.timeout(short(), actions.call, "conn", "receive",
    maybe(chance.of { "*l", "*a", 1, 5, 1000, 0 }), chance.percent(20) and maybe "before" or nil)
end)

add(2, "conn:receive_some", function()
  tl.timeout(short(), actions.call, "conn", "receive_some", maybe(chance.to(4000)))
end)

add(2, "conn:receive_until", function()
  tl.timeout(short(), actions.call, "conn", "receive_until",
    maybe(chance.of { "\n", "%d+", "b", "[" }), maybe(chance.percent(50)))
end)

add(2, "conn:receive_into", function()
  tl.timeout(short(), actions.call, "conn", "receive_into", maybe(buffer.new()), maybe(100))
end)

local function read_some_lines(conn)
  for _ in conn:lines() do
    if chance.percent(30) then break end
  end
end

add(1, "conn:lines", function()
  local conn = pool.any "conn"
  if conn then tl.timeout(0.003, read_some_lines, conn) end
end)

add(2, "conn:flush", function() tl.timeout(short(), actions.call, "conn", "flush") end)

-- ---------------------------------------------------------------------------
-- the rest

add(2, "conn:shutdown", function()
  tl.timeout(short(), actions.call, "conn", "shutdown",
    maybe(chance.of { "send", "receive", "both" }))
end)

add(2, "conn:close", function() tl.timeout(0.02, actions.call, "conn", "close") end)

actions.add_plain(add, "conn", [[abort queued stats closed pause resume peer sock getpeername
  getsockname fileno cork uncork ref unref]])

add(1, "conn:settimeout", function()
  actions.call("conn", "settimeout", maybe(0.002), chance.percent(50) and maybe "t" or nil)
end)

local OPTIONS = { "nodelay", "keepalive", "linger", "sndbuf", "rcvbuf", "ttl", "cork" }

add(1, "conn:setoption", function()
  actions.call("conn", "setoption", maybe(chance.of(OPTIONS)),
    maybe(chance.of { true, false, 1, 4096 }))
end)

add(1, "conn:getoption", function()
  actions.call("conn", "getoption", maybe(chance.of(OPTIONS)))
end)

add(1, "forget a connection", function() pool.forget "conn" end)
