-- Plain sockets, with the names of Python's socket module, for programs that wait by
-- timerlua.select. The kernel's sockets never block; a blocking call waits here, in a task
-- while the loop goes on, elsewhere by blocking the thread.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local address = require "timerlua.net.address"
local check = require "timerlua.core.check"
local duration = require "timerlua.core.duration"
local endpoints = require "timerlua.net.endpoints"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local fair = require "timerlua.task.fair"
local fileno = require "timerlua.core.fileno"
local headers = require "timerlua.core.headers"
local misuse = require "timerlua.core.misuse"
local readiness = require "timerlua.byhand.readiness"
local resolver = require "timerlua.net.resolver"
local string_buffer = require "timerlua.core.string_buffer"
local wait = require "timerlua.task.wait"

local C, loop, whole = core.C, core.loop, check.whole
local to_string = ffi.string
local new_bytes, new_address = ffi.typeof("char[?]"), ffi.typeof("tl_address")
local new_cell = ffi.typeof("struct { const int32_t fd; tl_id place; }")

local MONOTONIC, TIME_OVER = C.TL_MONOTONIC, C.TL_TIME_OVER
local EAGAIN, EINPROGRESS = errno.EAGAIN, errno.EINPROGRESS
local EALREADY, EISCONN = errno.EALREADY, errno.EISCONN
local MOST = 2 ^ 30         -- bytes of one recv
local BACKLOG_DELAY = 0.005 -- seconds between attempts at a full backlog

-- Bytes and addresses are stored here and become strings before anything else can run.
local SCRATCH = 65536
local scratch = new_bytes(SCRATCH)
local accepted_from = new_address()

--- @class timerlua.Socket
--- @since 0.1
--- @field family integer an AF_ constant
--- @field type integer a SOCK_ constant
--- @field closed boolean
local Socket = {}
Socket.__index = Socket

local fd_of = fileno.table()

--- @class timerlua.socket Plain sockets, with the names of Python's socket module.
--- @since 0.1
local socket = {}

for name in ([[AF_UNIX AF_INET AF_INET6 SOCK_STREAM SOCK_DGRAM SOCK_SEQPACKET
  SOL_SOCKET SO_ACCEPTCONN SO_BROADCAST SO_DOMAIN SO_ERROR SO_KEEPALIVE SO_LINGER
  SO_OOBINLINE SO_PRIORITY SO_PROTOCOL SO_RCVBUF SO_RCVLOWAT SO_REUSEADDR SO_REUSEPORT
  SO_SNDBUF SO_TYPE IPPROTO_IP IPPROTO_IPV6 IPPROTO_TCP IPPROTO_UDP TCP_CORK
  TCP_DEFER_ACCEPT TCP_FASTOPEN TCP_KEEPCNT TCP_KEEPIDLE TCP_KEEPINTVL TCP_LINGER2
  TCP_MAXSEG TCP_NODELAY TCP_QUICKACK TCP_SYNCNT TCP_USER_TIMEOUT IP_TOS IP_TTL
  IPV6_UNICAST_HOPS IPV6_V6ONLY MSG_MORE MSG_OOB MSG_PEEK SHUT_RD SHUT_WR SHUT_RDWR
  SOMAXCONN]]):gmatch("%S+") do
  socket[name] = headers[name]
end

local AF_UNIX, AF_INET, AF_INET6 = socket.AF_UNIX, socket.AF_INET, socket.AF_INET6
local SHUTDOWN = { [socket.SHUT_RD] = C.TL_SHUTDOWN_RECEIVE,
  [socket.SHUT_WR] = C.TL_SHUTDOWN_SEND, [socket.SHUT_RDWR] = C.TL_SHUTDOWN_BOTH }

local check_self = check.self_of(Socket, "socket", "a socket", "s")

local function int(where, what, value)
  return whole(where, what, value, -2 ^ 31, 2 ^ 31 - 1)
end

local function int_or(where, what, value, default)
  if value == nil then return default end
  return int(where, what, value)
end

local function refused(where, status)
  if status == EAGAIN then return nil, "would block", "EAGAIN" end
  if status == TIME_OVER then return nil, where .. ": timed out", "ETIMEDOUT" end
  return errors.failed(where, status)
end

function Socket.__tostring(self)
  return "timerlua.Socket: " .. (self.closed and "closed" or tostring((self:getsockname())))
end

-- Close a socket that has become garbage.
local function collected(cell)
  C.tl_readiness_close(loop, cell.place.slot, cell.place.generation)
  if fileno.forget(cell.fd) then C.tl_descriptor_close(cell.fd) end
end

local function wrap(fd, family, kind)
  local self = setmetatable({ family = family, type = kind, closed = false,
    cell = ffi.gc(new_cell(fileno.opened(fd)), collected) }, Socket)
  fd_of[self] = fd
  return self
end

-- ---------------------------------------------------------------------------
-- waiting

local function block(self, where, interest, left)
  wait.before_blocking(where, left)
  local status = readiness.block(fd_of[self], interest, left)
  if status > 0 then return 0 end
  return status == 0 and TIME_OVER or status
end

-- The place of a socket's waits, made with the first wait and kept.
local function place_of(self)
  if self.place then return self.place end
  local place, status = readiness.place(fd_of[self])
  if not place then return nil, status end
  self.place, self.cell.place = place, place.id
  return place
end

-- Returns 0 when the socket may be ready, otherwise a negative errno.
local function await(self, where, interest, deadline)
  local left
  if deadline then
    left = deadline - C.tl_now(loop, MONOTONIC)
    if left <= 0 then return TIME_OVER end
  end
  if not wait.can_suspend() then return block(self, where, interest, left) end
  local place, status = place_of(self)
  if not place then return status end
  return place:suspend(where, interest, left)
end

local function deadline_of(self)
  return self.timeout and C.tl_now(loop, MONOTONIC) + self.timeout
end

-- The result of `attempt` once it is not EAGAIN, or the reason why it will always be
-- EAGAIN.
local function persist(self, where, interest, attempt, deadline)
  deadline = deadline or deadline_of(self)
  while true do
    local status = await(self, where, interest, deadline)
    if status ~= 0 then return status end
    local result = attempt()
    if result ~= EAGAIN then return result end
  end
end

-- ---------------------------------------------------------------------------
-- addresses

-- Python's forms of a Unix socket's name, in our form.
local function unix_text(name)
  if name:sub(1, 5) == "unix:" then return name end
  return "unix:" .. name:gsub("^%z", "@")
end

local function text_of(self, where, host, port)
  if type(host) ~= "string" then
    misuse.got(where, 'address must be a text such as "127.0.0.1:80", or a host and a port',
      host)
  end
  if self.family == AF_UNIX then return unix_text(host) end
  if port == nil then return host end
  whole(where, "port", port, 0, 65535)
  return address.join(host, port)
end

local function look_up(self, where, name, port)
  local list, cause, code = resolver.lookup(where, name, { port = port, family = self.family })
  if not list then return nil, ("%s %s: %s"):format(where, name, cause), code end
  return list[1]
end

-- The tl_address given by host and port, and its text; or nil, message, code.
local function target(self, where, host, port, is_peer)
  local text = text_of(self, where, host, port)
  local endpoint, status = address.parse(where, "address", text)
  if not endpoint then return refused(where .. " " .. text, status) end
  if endpoint.kind == endpoints.ADDRESS then return new_address(endpoint.address), text end
  if endpoint.kind == endpoints.ANY then
    local found = new_address()
    local make = is_peer and C.tl_address_loopback or C.tl_address_any
    make(self.family == AF_INET6 and 1 or 0, endpoint.port, found)
    return found, text
  end
  local name = address.name(endpoint, text)
  if endpoint.kind == endpoints.FD then
    misuse.got(where, "address must be one, not a descriptor", text)
  end
  local found, message, code = look_up(self, where, name, endpoint.port)
  if not found then return nil, message, code end
  return found, text
end

-- ---------------------------------------------------------------------------
-- making

--- Make a socket in blocking mode, close-on-exec. A socket that has become garbage is
--- closed, but only when garbage is collected, so close sockets explicitly.
--- @param family? integer socket.AF_INET (default), AF_INET6 or AF_UNIX
--- @param kind? integer socket.SOCK_STREAM (default), SOCK_DGRAM or SOCK_SEQPACKET
--- @param protocol? integer default 0, socket(2)
--- @return timerlua.Socket? s
--- @return string? message
--- @return string? code "EMFILE", "EAFNOSUPPORT", ...: socket(2)
function socket.socket(family, kind, protocol)
  family = int_or("socket.socket", "family", family, AF_INET)
  kind = int_or("socket.socket", "type", kind, socket.SOCK_STREAM)
  protocol = int_or("socket.socket", "protocol", protocol, 0)
  local fd = C.tl_plain_open(family, kind, protocol)
  if fd < 0 then return refused("socket.socket", fd) end
  return wrap(fd, family, kind)
end

--- Make two sockets that are connected to each other.
--- @param family? integer socket.AF_UNIX (default)
--- @param kind? integer socket.SOCK_STREAM (default), SOCK_DGRAM or SOCK_SEQPACKET
--- @param protocol? integer default 0, socketpair(2)
--- @return timerlua.Socket? one
--- @return timerlua.Socket|string other or the message
--- @return string? code "EMFILE", "EOPNOTSUPP", ...: socketpair(2)
function socket.socketpair(family, kind, protocol)
  family = int_or("socket.socketpair", "family", family, AF_UNIX)
  kind = int_or("socket.socketpair", "type", kind, socket.SOCK_STREAM)
  protocol = int_or("socket.socketpair", "protocol", protocol, 0)
  local fds = ffi.new("int32_t[2]")
  local status = C.tl_plain_pair(family, kind, protocol, fds)
  if status < 0 then return refused("socket.socketpair", status) end
  return wrap(fds[0], family, kind), wrap(fds[1], family, kind)
end

--- Give the socket an address. The file of a Unix socket is not removed later, as in
--- Python.
--- @param host timerlua.Address|string an address without "fd:"; or a host, if port is
---   given
--- @param port? integer 0 to 65535
--- @return boolean? done true
--- @return string? message such as "socket:bind 127.0.0.1:80: permission denied"
--- @return string? code "EADDRINUSE", "EACCES", ...: bind(2)
function Socket:bind(host, port)
  check_self(self, "bind")
  local own, text, code = target(self, "socket:bind", host, port, false)
  if not own then return nil, text, code end
  local status = C.tl_socket_bind(fd_of[self], own)
  if status ~= 0 then return refused("socket:bind " .. text, status) end
  return true
end

--- Begin to listen.
--- @param backlog? integer connections that may wait to be accepted; default
---   socket.SOMAXCONN
--- @return boolean? done true
--- @return string? message
--- @return string? code "EADDRINUSE", "EOPNOTSUPP", ...: listen(2)
function Socket:listen(backlog)
  check_self(self, "listen")
  backlog = int_or("socket:listen", "backlog", backlog, socket.SOMAXCONN)
  local status = C.tl_socket_listen(fd_of[self], backlog)
  if status ~= 0 then return refused("socket:listen", status) end
  return true
end

local function accept_later(self)
  return persist(self, "socket:accept", "r", function()
    return C.tl_socket_accept(fd_of[self], accepted_from)
  end)
end

--- Accept a connection; the new socket is in blocking mode.
--- @return timerlua.Socket? conn
--- @return string address the peer's address; or the message
--- @return string? code "EAGAIN", "ETIMEDOUT", "EMFILE", "ECONNABORTED", ...:
---   accept(2)
function Socket:accept()
  check_self(self, "accept")
  fair.step("socket:accept")
  local fd = C.tl_socket_accept(fd_of[self], accepted_from)
  if fd == EAGAIN and self.timeout ~= 0 then fd = accept_later(self) end
  if fd < 0 then return refused("socket:accept", fd) end
  return wrap(fd, self.family, self.type), address.text(accepted_from)
end

local function sleep(where, seconds)
  if not wait.can_suspend() then
    wait.before_blocking(where, seconds)
    readiness.block(-1, nil, seconds)
    return
  end
  wait.suspend(wait.begin(where, seconds))
end

local function finish_connect(self, to, status)
  local deadline = deadline_of(self)
  while status == EAGAIN do -- a Unix socket's full backlog, which cannot be waited for
    if deadline and C.tl_now(loop, MONOTONIC) >= deadline then return TIME_OVER end
    sleep("socket:connect", BACKLOG_DELAY)
    status = C.tl_socket_connect(fd_of[self], to)
  end
  if status ~= EINPROGRESS then return status end
  -- connect(2) again, and not SO_ERROR: a refused socket is then left in the same state as
  -- a blocking one in the kernel
  return persist(self, "socket:connect", "w", function()
    local result = C.tl_socket_connect(fd_of[self], to)
    if result == EISCONN then return 0 end
    return (result == EALREADY or result == EINPROGRESS) and EAGAIN or result
  end, deadline)
end

--- Connect to an address.
--- @param host timerlua.Address|string as for bind; ":80" stands for this host
--- @param port? integer 0 to 65535
--- @return boolean? done true
--- @return string? message such as "socket:connect 127.0.0.1:9: connection refused"
--- @return string? code "ECONNREFUSED"; "EINPROGRESS" in non-blocking mode: wait until the
---   socket is writable, then read SO_ERROR; "ETIMEDOUT", ...: connect(2)
function Socket:connect(host, port)
  check_self(self, "connect")
  fair.step("socket:connect")
  local to, text, code = target(self, "socket:connect", host, port, true)
  if not to then return nil, text, code end
  local status = C.tl_socket_connect(fd_of[self], to)
  if self.timeout ~= 0 and (status == EINPROGRESS or status == EAGAIN) then
    status = finish_connect(self, to, status)
  end
  if status ~= 0 then return refused("socket:connect " .. text, status) end
  return true
end

-- ---------------------------------------------------------------------------
-- exchanging

-- Memory for so many bytes, and the buffer that it belongs to, if any. A cdata array would
-- be filled with zeros, which takes seconds for the largest.
local function room_for(where, count)
  if not check.is_whole(count, 0, MOST) then
    misuse.got(where, "the number of bytes must be a whole number from 0 to 2^30", count)
  end
  if count <= SCRATCH then return scratch end
  local room = string_buffer.new()
  return string_buffer.reserve(room, count), room
end

-- The bytes received there.
local function taken_from(bytes, room, got)
  local text = to_string(bytes, got)
  if room then string_buffer.free(room) end
  return text
end

local function receive_later(self, where, bytes, count, flags, from)
  return persist(self, where, "r", function()
    return C.tl_plain_receive(fd_of[self], bytes, count, flags, from)
  end)
end

--- Receive at most `count` bytes, as soon as there are some.
--- @param count integer bytes, 0 to 2^30
--- @param flags? integer socket.MSG_PEEK, MSG_OOB
--- @return string? bytes "" when the peer has ended its direction
--- @return string? message "would block" in non-blocking mode
--- @return string? code "EAGAIN", "ETIMEDOUT", "ECONNRESET", "EBADF" (closed)
function Socket:recv(count, flags)
  check_self(self, "recv")
  fair.step("socket:recv")
  local bytes, room = room_for("socket:recv", count)
  flags = int_or("socket:recv", "flags", flags, 0)
  if count == 0 and fd_of[self] >= 0 then return "" end
  local got = C.tl_plain_receive(fd_of[self], bytes, count, flags, nil)
  if got == EAGAIN and self.timeout ~= 0 then
    got = receive_later(self, "socket:recv", bytes, count, flags, nil)
  end
  if got < 0 then return refused("socket:recv", got) end
  return taken_from(bytes, room, got)
end

--- Receive a datagram; bytes beyond `count` are lost.
--- @param count integer bytes, 0 to 2^30
--- @param flags? integer socket.MSG_PEEK, MSG_OOB
--- @return string? bytes
--- @return string? address the sender's address, nil for a stream; or the message
--- @return string? code as for recv
function Socket:recvfrom(count, flags)
  check_self(self, "recvfrom")
  fair.step("socket:recvfrom")
  local bytes, room = room_for("socket:recvfrom", count)
  local from = new_address()
  flags = int_or("socket:recvfrom", "flags", flags, 0)
  local got = C.tl_plain_receive(fd_of[self], bytes, count, flags, from)
  if got == EAGAIN and self.timeout ~= 0 then
    got = receive_later(self, "socket:recvfrom", bytes, count, flags, from)
  end
  if got < 0 then return refused("socket:recvfrom", got) end
  return taken_from(bytes, room, got), address.text(from)
end

local function check_bytes(where, bytes, start)
  if type(bytes) ~= "string" then misuse.got(where, "bytes must be a string", bytes) end
  if start == nil then return 0 end
  return whole(where, "start", start, 1, #bytes + 1) - 1
end

local function send_later(self, where, bytes, start, flags, to, deadline)
  return persist(self, where, "w", function()
    return C.tl_plain_send(fd_of[self], bytes, start, #bytes, flags, to)
  end, deadline)
end

--- Send as many bytes as the kernel takes; the caller sends the rest again.
--- @param bytes string
--- @param start? integer the first byte to send, 1 to #bytes + 1; default 1
--- @param flags? integer socket.MSG_MORE, MSG_OOB
--- @return integer? count the number of bytes taken
--- @return string? message "would block" in non-blocking mode
--- @return string? code "EAGAIN", "ETIMEDOUT", "EPIPE", "ECONNRESET", "EBADF"
function Socket:send(bytes, start, flags)
  check_self(self, "send")
  fair.step("socket:send")
  local from = check_bytes("socket:send", bytes, start)
  flags = flags == nil and 0 or int("socket:send", "flags", flags)
  local sent = C.tl_plain_send(fd_of[self], bytes, from, #bytes, flags, nil)
  if sent == EAGAIN and self.timeout ~= 0 then
    sent = send_later(self, "socket:send", bytes, from, flags, nil)
  end
  if sent < 0 then return refused("socket:send", sent) end
  return sent
end

--- Send everything.
--- @param bytes string
--- @param start? integer the first byte to send, 1 to #bytes + 1; default 1
--- @return boolean? done true
--- @return string? message
--- @return string? code as for send
--- @return integer? count after a failure, the number of bytes sent before it
function Socket:sendall(bytes, start)
  check_self(self, "sendall")
  local first = check_bytes("socket:sendall", bytes, start)
  local from, deadline = first, nil
  while from < #bytes do
    fair.step("socket:sendall")
    local sent = C.tl_plain_send(fd_of[self], bytes, from, #bytes, 0, nil)
    if sent == EAGAIN and self.timeout ~= 0 then
      deadline = deadline or deadline_of(self)
      sent = send_later(self, "socket:sendall", bytes, from, 0, nil, deadline)
    end
    if sent < 0 then
      local _, message, code = refused("socket:sendall", sent)
      return nil, message, code, from - first
    end
    from = from + sent
  end
  return true
end

--- Send a datagram.
--- @param bytes string
--- @param host timerlua.Address|string as for bind
--- @param port? integer 0 to 65535
--- @return integer? count the number of bytes sent
--- @return string? message
--- @return string? code as for send; "EMSGSIZE", ...: send(2)
function Socket:sendto(bytes, host, port)
  check_self(self, "sendto")
  fair.step("socket:sendto")
  check_bytes("socket:sendto", bytes)
  local to, text, code = target(self, "socket:sendto", host, port, true)
  if not to then return nil, text, code end
  local sent = C.tl_plain_send(fd_of[self], bytes, 0, #bytes, 0, to)
  if sent == EAGAIN and self.timeout ~= 0 then
    sent = send_later(self, "socket:sendto", bytes, 0, 0, to)
  end
  if sent < 0 then return refused("socket:sendto " .. text, sent) end
  return sent
end

--- End one direction, or both.
--- @param how integer socket.SHUT_RD, SHUT_WR or SHUT_RDWR
--- @return boolean? done true
--- @return string? message
--- @return string? code "ENOTCONN", "EBADF": shutdown(2)
function Socket:shutdown(how)
  check_self(self, "shutdown")
  if not SHUTDOWN[how] then
    misuse.got("socket:shutdown", "how must be SHUT_RD, SHUT_WR or SHUT_RDWR", how)
  end
  local status = C.tl_socket_shutdown(fd_of[self], SHUTDOWN[how])
  if status ~= 0 then return refused("socket:shutdown", status) end
  return true
end

-- ---------------------------------------------------------------------------
-- modes and options

--- Choose the mode. In blocking mode, the default, a call waits until it can be done. In
--- non-blocking mode it returns nil, "would block", "EAGAIN" instead.
--- @param flag boolean true for blocking mode
function Socket:setblocking(flag)
  check_self(self, "setblocking")
  self.timeout = not check.boolean("socket:setblocking", "flag", flag) and 0 or nil
end

--- Return whether the socket is in blocking mode.
--- @return boolean
function Socket:getblocking()
  check_self(self, "getblocking")
  return self.timeout ~= 0
end

--- Set how long each call may wait; for sendall, the limit covers the whole call.
--- @param seconds? timerlua.Duration nil: no limit; 0: non-blocking mode
function Socket:settimeout(seconds)
  check_self(self, "settimeout")
  self.timeout = seconds ~= nil
    and duration.to_seconds("socket:settimeout", "seconds", seconds) or nil
end

--- Return how long each call may wait.
--- @return number? seconds nil: no limit
function Socket:gettimeout()
  check_self(self, "gettimeout")
  return self.timeout
end

local number_cell = ffi.new("int32_t[1]")

local function option_bytes(value)
  if type(value) == "string" then return value end
  if type(value) == "boolean" then value = value and 1 or 0 end
  number_cell[0] = int("socket:setsockopt", "value", value)
  return to_string(number_cell, 4)
end

--- Set any option of setsockopt(2).
--- @param level integer such as socket.SOL_SOCKET
--- @param option integer such as socket.SO_REUSEADDR
--- @param value integer|boolean|string a string holds the bytes of a struct
--- @return boolean? done true
--- @return string? message
--- @return string? code "ENOPROTOOPT", "EINVAL", "EBADF", ...: setsockopt(2)
function Socket:setsockopt(level, option, value)
  check_self(self, "setsockopt")
  int("socket:setsockopt", "level", level)
  int("socket:setsockopt", "option", option)
  local bytes = option_bytes(value)
  local status = C.tl_plain_set(fd_of[self], level, option, bytes, #bytes)
  if status ~= 0 then return refused("socket:setsockopt", status) end
  return true
end

--- Read any option of getsockopt(2).
--- @param level integer such as socket.SOL_SOCKET
--- @param option integer such as socket.SO_ERROR
--- @param room? integer 1 to 1024: read a struct of at most this many bytes
--- @return integer|string|nil value a string of bytes if room was given
--- @return string? message
--- @return string? code "ENOPROTOOPT", "EBADF", ...: getsockopt(2)
function Socket:getsockopt(level, option, room)
  check_self(self, "getsockopt")
  int("socket:getsockopt", "level", level)
  int("socket:getsockopt", "option", option)
  local count = room == nil and 4 or whole("socket:getsockopt", "room", room, 1, 1024)
  local bytes = ffi.new("int32_t[256]")
  local got = C.tl_plain_get(fd_of[self], level, option, ffi.cast("char *", bytes), count)
  if got < 0 then return refused("socket:getsockopt", got) end
  if room then return to_string(bytes, got) end
  return bytes[0]
end

-- ---------------------------------------------------------------------------
-- names and the end

local function name_of(self, where, peer)
  local name = new_address()
  local status = C.tl_socket_name(fd_of[self], peer, name)
  if status ~= 0 then return refused(where, status) end
  return address.text(name)
end

--- Return the local address: "127.0.0.1:80", "[::1]:80", "unix:/path"; "unix:" without a
--- name.
--- @return string? address
--- @return string? message
--- @return string? code "EBADF"
function Socket:getsockname()
  check_self(self, "getsockname")
  return name_of(self, "socket:getsockname", 0)
end

--- Return the peer's address in the same form as getsockname.
--- @return string? address
--- @return string? message
--- @return string? code "ENOTCONN", "EBADF"
function Socket:getpeername()
  check_self(self, "getpeername")
  return name_of(self, "socket:getpeername", 1)
end

--- Return the descriptor, which still belongs to the socket.
--- @return integer fd -1 when the socket is closed
function Socket:fileno()
  check_self(self, "fileno")
  return fd_of[self]
end

--- Release the descriptor, which stays non-blocking; the socket counts as closed.
--- @return integer fd the caller must close it; -1 when the socket is already closed
function Socket:detach()
  check_self(self, "detach")
  local fd = fd_of[self]
  fd_of[self], self.closed = nil, true
  ffi.gc(self.cell, nil)
  if self.place then self.place:close() end
  return fd
end

--- Close the socket; waiting tasks get "EBADF". Harmless when repeated.
--- @return boolean closed true
function Socket:close()
  check_self(self, "close")
  local fd = self:detach()
  if fd >= 0 then
    fileno.check_kept("socket:close", fd)
    fileno.forget(fd)
    C.tl_descriptor_close(fd)
  end
  return true
end

return socket
