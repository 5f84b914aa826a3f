-- How a datagram socket sends, and how it is connected or bound.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local address = require "timerlua.net.address"
local check = require "timerlua.core.check"
local destinations = require "timerlua.net.udp.destinations"
local errno = require "timerlua.core.errno"
local misuse = require "timerlua.core.misuse"
local object = require "timerlua.net.udp.object"
local string_buffer = require "timerlua.core.string_buffer"
local wait = require "timerlua.task.wait"

local C, loop = core.C, core.loop
local Udp, check_self, done = object.Udp, object.check_self, object.done
local destination = destinations.find

local MONOTONIC, TIME_OVER, INET = C.TL_MONOTONIC, C.TL_TIME_OVER, C.TL_INET
local EAGAIN, ENOBUFS, EINTR = errno.EAGAIN, errno.ENOBUFS, errno.EINTR
local BY_TIME = errno.EOPNOTSUPP -- returned by tl_datagram_await_room

local FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.05

-- Wait until there may be room, or the deadline is over. If the kernel does not report
-- room, try again after `pause` seconds.
local function await_room(self, status, deadline, pause)
  local left = deadline and math.max(0, deadline - C.tl_now(loop, MONOTONIC))
  local waiter = wait.begin("udp:send", left)
  if status == EAGAIN then
    status = C.tl_datagram_await_room(loop, self.slot, self.generation, waiter.slot,
      waiter.generation)
    if status == 0 then
      waiter.list = self.place
      return wait.suspend(waiter)
    end
  end
  wait.abandon(waiter)
  if status ~= ENOBUFS and status ~= BY_TIME then return nil end
  waiter = wait.begin("udp:send", math.min(pause, left or pause))
  return wait.suspend(waiter)
end

-- The kernel has no room for the datagram: try again when there may be room.
local function send_later(self, data, length, to, status)
  local deadline = self.timeout and C.tl_now(loop, MONOTONIC) + self.timeout
  local pause = FIRST_PAUSE
  while true do
    local woken = await_room(self, status, deadline, pause)
    status = C.tl_datagram_send(loop, self.slot, self.generation, data, length, to)
    if status == 0 then return length end
    if status ~= EAGAIN and status ~= ENOBUFS then return done(status) end
    if woken == wait.loop_ended then return done(EINTR) end
    if deadline and C.tl_now(loop, MONOTONIC) >= deadline then return done(TIME_OVER) end
    pause = math.min(LONGEST_PAUSE, 2 * pause)
  end
end

-- The bytes of a datagram that is not a string.
local function bytes_of(where, data)
  if type(data) == "number" then
    data = tostring(data)
    return data, #data
  elseif string_buffer.is(data) then
    data = string_buffer.text(data) -- the buffer may be reused during the wait
    return data, #data
  end
  misuse.got(where, "data must be a string or a string.buffer", data)
end

local function send(self, where, data, to)
  local length
  if type(data) == "string" then length = #data else data, length = bytes_of(where, data) end
  local target
  if to ~= nil then
    local err, code
    target, err, code = destination(self, where, to)
    if not target then return nil, err, code end
  end
  local status = C.tl_datagram_send(loop, self.slot, self.generation, data, length, target)
  if status == 0 then return length end
  if status == EAGAIN or status == ENOBUFS then
    return send_later(self, data, length, target, status)
  end
  return done(status)
end

--- Send a datagram at once; if the kernel has no room, the task waits until there is room.
--- @param data string|userdata at most 65507 bytes, or 65527 over IPv6; a string
---   or a string.buffer
--- @param to? string the destination, such as "127.0.0.1:53", "localhost:53" (send waits
---   while the name is looked up; the result is kept for 60 s), ":53" (this host),
---   "unix:/path"; left out when the socket is connected
--- @return integer? length of data
--- @return string? err
--- @return string? code "EMSGSIZE" (too long), "ENETUNREACH", "ECONNREFUSED" (caused by an
---   earlier datagram), "EDESTADDRREQ" (not connected), "EACCES" (broadcast is not
---   allowed), "ETIMEDOUT", "EBADF" ... send(2), udp(7)
function Udp:send(data, to)
  check_self(self, "send")
  return send(self, "udp:send", data, to)
end

local function connect(self, where, addr)
  local target, err, code = destination(self, where, addr)
  if not target then return nil, err, code end
  return done(C.tl_datagram_connect(loop, self.slot, self.generation, target))
end

--- Exchange datagrams with one address only: send needs no `to`, datagrams from other
--- addresses are not received, and refusals are reported.
--- @param addr string as for send
--- @return boolean? done true
--- @return string? err
--- @return string? code "EAFNOSUPPORT" (the socket cannot reach this kind of address),
---   "ENETUNREACH", "ENOENT" ...: connect(2); for a name, as for tl.resolve
function Udp:connect(addr)
  check_self(self, "connect")
  return connect(self, "udp:connect", addr)
end

local function joined(where, ip, port)
  if type(ip) ~= "string" then misuse.got(where, "ip must be a string", ip) end
  local number = type(port) ~= "cdata" and tonumber(port) or port -- LuaSocket takes "53", too
  check.whole(where, "port", number, 0, 65535)
  return address.join(ip == "*" and "" or ip, number)
end

--- Send a datagram: `send(data, to)` in LuaSocket's form.
--- @param data string|userdata as for send
--- @param ip string an address or a name
--- @param port integer 0 to 65535
--- @return integer? length as for send
--- @return string? err as for send
--- @return string? code as for send
function Udp:sendto(data, ip, port)
  check_self(self, "sendto")
  return send(self, "udp:sendto", data, joined("udp:sendto", ip, port))
end

--- Exchange datagrams with one address only: `connect(addr)` in LuaSocket's form;
--- setpeername("*") undoes it.
--- @param ip string an address or a name, or "*"
--- @param port? integer 0 to 65535; left out with "*"
--- @return integer? one 1
--- @return string? err as for connect
--- @return string? code as for connect
function Udp:setpeername(ip, port)
  check_self(self, "setpeername")
  local ok, err, code
  if ip == "*" and port == nil then
    ok, err, code = done(C.tl_datagram_connect(loop, self.slot, self.generation, nil))
  else
    ok, err, code = connect(self, "udp:setpeername", joined("udp:setpeername", ip, port))
  end
  if ok then return 1 end
  return nil, err, code
end

--- Bind a socket that was made without an address, in LuaSocket's form.
--- @param ip string an address, or "*" for all interfaces
--- @param port integer 0 to 65535; 0 takes a free port
--- @return integer? one 1
--- @return string? err
--- @return string? code "EADDRINUSE", "EACCES", "EADDRNOTAVAIL", "EINVAL" (already bound)
---   ...: bind(2)
function Udp:setsockname(ip, port)
  check_self(self, "setsockname")
  local text = joined("udp:setsockname", ip, port)
  local target, err, code
  if ip == "*" then
    target = ffi.new("tl_address")
    C.tl_address_any(self.family ~= INET and 1 or 0, tonumber(port), target)
  else
    target, err, code = destination(self, "udp:setsockname", text)
  end
  if not target then return nil, err, code end
  local status = C.tl_datagram_bind(loop, self.slot, self.generation, target)
  if status == 0 then return 1 end
  return done(status)
end
