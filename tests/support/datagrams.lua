-- Shared by the specs of datagram sockets: sockets that are closed after each case, and
-- the count of open objects before and after.
local support = require "tests.support"
local luassert = require "luassert"
local tl = require "timerlua"

local datagrams = {}

local open, before, watchdog

local function counts()
  support.collect()
  tl.sleep(0) -- for callbacks that the end of the test woke
  return { fds = support.count_fds(), handles = tl.stats().handles,
    active = tl.stats().active }
end

--- Call before each case.
--- @return table counts fds, handles and active ones, except the watchdog
function datagrams.begin()
  open = {}
  support.open_timer()
  before = counts()
  watchdog = tl.after(20, function() error("nothing happened") end)
  return before
end

--- Call after each case: everything that it opened is closed.
function datagrams.finish()
  watchdog:cancel()
  for _, socket in ipairs(open) do socket:close() end
  open = nil
  luassert.same(before, counts())
end

--- Like tl.udp; the socket is closed after the case.
function datagrams.udp(...)
  local socket = assert(tl.udp(...))
  open[#open + 1] = socket
  return socket
end

local udp = datagrams.udp

--- A server, and a client that is connected to it.
function datagrams.pair(handler, opts)
  local server = udp("127.0.0.1:0", handler, opts)
  local client = udp("127.0.0.1:0", nil, { timeout = 5 })
  luassert.is_true(client:connect(server:sock()))
  return server, client
end

--- A handler.
function datagrams.echo(socket, data, from) socket:send(data, from) end

--- Let callbacks run until the condition holds.
function datagrams.until_true(condition)
  for _ = 1, 5000 do
    if condition() then return end
    tl.sleep(0.001)
  end
  error("it never became true", 2)
end

--- A port without a listener.
function datagrams.nobody()
  local socket = assert(tl.udp("127.0.0.1:0"))
  local address = socket:sock()
  socket:close()
  return address
end

return datagrams
