-- Datagram sockets: UDP, and the Unix kind. Nothing is queued: a datagram is
-- sent at once, and what nobody receives stays in the kernel, or is lost there.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local address = require "timerlua.net.address"
local anchors = require "timerlua.core.anchors"
local callable = require "timerlua.core.callable"
local duration = require "timerlua.core.duration"
local endpoints = require "timerlua.net.endpoints"
local errors = require "timerlua.core.errors"
local misuse = require "timerlua.core.misuse"
local options = require "timerlua.net.options"
local resolver = require "timerlua.net.resolver"
local socket_file = require "timerlua.net.socket_file"
local task = require "timerlua.task.task"
local wait = require "timerlua.task.wait"

local C, loop = core.C, core.loop
local to_string = ffi.string
local data_view, from_view = ffi.new("tl_view"), ffi.new("tl_view")

local DATAGRAM = 1                         -- TL_SOCKET_DATAGRAM
local UNIX, INET = 1, 2                    -- TL_UNIX, TL_INET
local AGAIN, NO_BUFFERS, TOO_LONG = -11, -105, -90
local CLOSED, INTERRUPTED, TIME_OVER = -9, -4, -110
local BY_TIME = -95                        -- EOPNOTSUPP of tl_datagram_await_room
local NO_IPV6, NO_ADDRESS = -97, -99       -- EAFNOSUPPORT, EADDRNOTAVAIL
local MOST = 65536                         -- TL_SCRATCH_BYTES

local KERNEL = "broadcast ttl multicast_ttl multicast_loop reuseaddr reuseport "
  .. "v6only sndbuf rcvbuf"
local KNOWN = options.names("timeout error multicast_interface", KERNEL)
local DEFAULTS = { v6only = false }
-- What a Unix socket has of them.
local OF_UNIX = options.names("sndbuf rcvbuf reuseaddr")

--- @class timerlua.Udp
--- @field kind string "udp"
--- @field name string? yours to set; reports and lists show it
--- @field site string? where its handler was defined
local Udp = { kind = "udp" }

--- By slot, so that lists find them; the garbage collector may take them.
local udp = { all = setmetatable({}, { __mode = "v" }) }

function Udp.__index(self, key)
  if key == "site" then return callable.site(self.handler) end
  return Udp[key]
end

local function check_self(self, method)
  if getmetatable(self) ~= Udp then
    misuse.got("udp:" .. method,
      ("it must be called on a datagram socket, as socket:%s()"):format(method), self)
  end
end

function Udp.__tostring(self)
  return ("timerlua.Udp: %s"):format(self.closed_here and "closed" or self:sock())
end

-- LuaSocket's words for what its callers look out for.
local WORDS = {
  [CLOSED] = { "closed", "EBADF" },
  [TIME_OVER] = { "timeout", "ETIMEDOUT" },
  [-16] = { "busy", "EBUSY" },
  [INTERRUPTED] = { "the loop ended", "ECANCELED" },
}

local function words(status)
  local known = WORDS[status]
  if known then return known[1], known[2] end
  return to_string(C.tl_error_text(status)):lower(), to_string(C.tl_error_name(status))
end

-- What was received instead of a datagram; length: of one that was too long.
local function receive_words(status, length)
  if status == TOO_LONG then
    return ("a datagram of %d bytes is longer than %d"):format(length, MOST), "EMSGSIZE"
  end
  return words(status)
end

local function missed(status)
  return nil, receive_words(status, data_view.length)
end

local function unsent(status)
  return nil, words(status)
end

-- ---------------------------------------------------------------------------
-- waiting

-- Stands as waiter.list while one waits for a socket.
local Place = {}
Place.__index = Place

function Place:remove(waiter)
  local id = waiter.id
  C.tl_datagram_leave(loop, self.slot, self.generation, id.slot, id.generation)
end

local function taken()
  return to_string(data_view.bytes, data_view.length),
    to_string(from_view.bytes, from_view.length)
end

local function take(self)
  return C.tl_datagram_take(loop, self.slot, self.generation, data_view, from_view)
end

local function await(self)
  local deadline = self.timeout and C.tl_now(loop, 0) + self.timeout
  while true do
    local left = deadline and math.max(0, deadline - C.tl_now(loop, 0))
    local waiter = wait.begin("udp:receive", left)
    local id = waiter.id
    local status = C.tl_datagram_await(loop, self.slot, self.generation, id.slot,
      id.generation)
    if status ~= 0 then
      wait.abandon(waiter)
      return missed(status)
    end
    waiter.list = self.place
    local data, from = wait.suspend(waiter)
    if from then return data, from end
    status = take(self)
    if status == 1 then return taken() end
    if data == wait.loop_ended then return missed(INTERRUPTED) end
    if status ~= AGAIN then return missed(status) end
    if deadline and C.tl_now(loop, 0) >= deadline then return missed(TIME_OVER) end
  end
end

--- Wait for a datagram.
--- @return string? data maybe empty
--- @return string? from where it came from, such as "127.0.0.1:4711"; else err:
---   "timeout", "closed", "busy", or the cause
--- @return string? code "ETIMEDOUT"; "EBADF" (closed here); "EBUSY" (another
---   task receives, or a callback does); "ECONNREFUSED" (nobody listens where it
---   is connected to: said once); "EMSGSIZE" (a Unix datagram longer than
---   65536 bytes, which is lost)
function Udp:receive()
  check_self(self, "receive")
  local status = take(self)
  if status == 1 then return taken() end
  if status == AGAIN then return await(self) end
  return missed(status)
end

local FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.05

-- Wait until there may be room, or the deadline is over. Where the kernel does
-- not say when, look again after `pause` seconds.
local function await_room(self, status, deadline, pause)
  local left = deadline and math.max(0, deadline - C.tl_now(loop, 0))
  local waiter = wait.begin("udp:send", left)
  if status == AGAIN then
    local id = waiter.id
    status = C.tl_datagram_await_room(loop, self.slot, self.generation, id.slot,
      id.generation)
    if status == 0 then
      waiter.list = self.place
      return wait.suspend(waiter)
    end
  end
  wait.abandon(waiter)
  if status ~= NO_BUFFERS and status ~= BY_TIME then return nil end
  waiter = wait.begin("udp:send", math.min(pause, left or pause))
  return wait.suspend(waiter)
end

-- The kernel has no room for it: try again when it may.
local function send_later(self, data, length, to, status)
  local deadline = self.timeout and C.tl_now(loop, 0) + self.timeout
  local pause = FIRST_PAUSE
  while true do
    local woken = await_room(self, status, deadline, pause)
    status = C.tl_datagram_send(loop, self.slot, self.generation, data, length, to)
    if status == 0 then return length end
    if status ~= AGAIN and status ~= NO_BUFFERS then return unsent(status) end
    if woken == wait.loop_ended then return unsent(INTERRUPTED) end
    if deadline and C.tl_now(loop, 0) >= deadline then return unsent(TIME_OVER) end
    pause = math.min(LONGEST_PAUSE, 2 * pause)
  end
end

-- ---------------------------------------------------------------------------
-- destinations

local MOST_KNOWN = 1024 -- texts whose addresses are kept
local NAME_KEPT = 60    -- seconds that what a name stands for is believed

local known, known_count = {}, 0 -- text: tl_address
local names = {}                 -- text: { addresses, until when }

local function keep(text, found)
  if known_count >= MOST_KNOWN then names, known, known_count = {}, {}, 0 end
  known[text], known_count = found, known_count + 1
  return found
end

-- The first of a name's addresses that the socket can reach.
local function first_for(self, addresses)
  for _, each in ipairs(addresses) do
    local family = C.tl_address_family(each)
    if family == self.family or (family == INET and self.both) then return each end
  end
  return addresses[1]
end

local function look_up(self, where, endpoint, text)
  local entry = names[text]
  if not entry or entry.expires < C.tl_now(loop, 0) then
    local list, cause, code = resolver.lookup(where, address.name(endpoint, text), {
      port = endpoint.port,
      ns = self.timeout and C.tl_seconds_to_ns(self.timeout),
    })
    if not list then return nil, cause, code end
    if known_count >= MOST_KNOWN then names, known, known_count = {}, {}, 0 end
    if not names[text] then known_count = known_count + 1 end
    entry = { addresses = list, expires = C.tl_now(loop, 0) + NAME_KEPT }
    names[text] = entry
  end
  return first_for(self, entry.addresses)
end

-- The address that a text means: or nil, err, code. Waits for a name.
local function destination(self, where, text)
  local endpoint = address.parse(where, "address", text)
  local kind = endpoint.kind
  if kind == endpoints.FD then
    misuse.got(where, "address must be one to send to", text)
  elseif kind == endpoints.ADDRESS then
    return keep(text, ffi.new("tl_address", endpoint.address))
  elseif kind == endpoints.ANY then -- this host
    local own = ffi.new("tl_address")
    C.tl_address_loopback(self.family ~= INET and not self.both and 1 or 0,
      endpoint.port, own)
    return own
  end
  return look_up(self, where, endpoint, text)
end

-- A datagram's bytes that are no string.
local function bytes_of(data)
  if type(data) == "number" then
    data = tostring(data)
    return data, #data
  elseif type(data) == "userdata" and pcall(function() return data.ref end) then
    data = data:tostring() -- while it waits, the buffer may be used again
    return data, #data
  end
  misuse.got("udp:send", "data must be a string or a string.buffer", data)
end

--- Send a datagram. It leaves at once; when the kernel has no room for it, the
--- task waits until there is.
--- @param data string|table at most 65507 bytes, or 65527 over IPv6; a string
---   or a string.buffer
--- @param to? string where to, such as "127.0.0.1:53", "localhost:53" (waits while
---   it is looked up; kept for 60 s), ":53" (this host), "unix:/path"; left out
---   when the socket is connected
--- @return integer? length of data
--- @return string? err
--- @return string? code "EMSGSIZE" (too long), "ENETUNREACH", "ECONNREFUSED" (of
---   one sent before), "EDESTADDRREQ" (not connected), "EACCES" (broadcast is
---   not allowed), "ETIMEDOUT", "EBADF" ... send(2), udp(7)
function Udp:send(data, to)
  check_self(self, "send")
  local length
  if type(data) == "string" then length = #data else data, length = bytes_of(data) end
  local target
  if to ~= nil then
    target = known[to]
    if not target then
      local err, code
      target, err, code = destination(self, "udp:send", to)
      if not target then return nil, err, code end
    end
  end
  local status = C.tl_datagram_send(loop, self.slot, self.generation, data, length, target)
  if status == 0 then return length end
  if status == AGAIN or status == NO_BUFFERS then
    return send_later(self, data, length, target, status)
  end
  return unsent(status)
end

local function done(status)
  if status == 0 then return true end
  return unsent(status)
end

--- Exchange datagrams with one address only: send needs no `to`, others'
--- datagrams are not received, and refusals are told.
--- @param addr string as for send
--- @return boolean? done
--- @return string? err
--- @return string? code
function Udp:connect(addr)
  check_self(self, "connect")
  local target, err, code = destination(self, "udp:connect", addr)
  if not target then return nil, err, code end
  return done(C.tl_datagram_connect(loop, self.slot, self.generation, target))
end

-- ---------------------------------------------------------------------------
-- multicast

local function change_group(self, where, group, interface, join)
  if type(group) ~= "string" then misuse.got(where, "group must be an address", group) end
  if interface ~= nil and type(interface) ~= "string" then
    misuse.got(where, "interface must be a name", interface)
  end
  local bare = group:match("^%[(.*)%]$") or group
  local parsed = ffi.new("tl_address")
  if C.tl_address_numeric(bare, #bare, 0, parsed) ~= 0 then
    misuse.got(where, 'group must be an address without a port, such as "239.1.2.3"', group)
  end
  if self.closed_here then return unsent(CLOSED) end
  return done(C.tl_socket_group(self.fd, parsed, interface, join))
end

--- Receive what is sent to a multicast group, too.
--- @param group string an address without a port: "239.1.2.3", "ff02::1%lo"
--- @param interface? string a network interface, such as "eth0"; default: the
---   kernel's choice
--- @return boolean? done
--- @return string? err
--- @return string? code "EINVAL" (no multicast address), "ENODEV", "EADDRINUSE"
---   (joined already)
function Udp:join(group, interface)
  check_self(self, "join")
  return change_group(self, "udp:join", group, interface, 1)
end

--- The opposite; "EADDRNOTAVAIL" when it was not joined.
function Udp:leave(group, interface)
  check_self(self, "leave")
  return change_group(self, "udp:leave", group, interface, 0)
end

-- ---------------------------------------------------------------------------
-- settings and questions

--- How long receive may wait, and send.
--- @param limit? number|string|ffi.cdata* nil or a negative number: no limit
--- @return integer 1, as LuaSocket
function Udp:settimeout(limit)
  check_self(self, "settimeout")
  if type(limit) == "number" and limit < 0 then limit = nil end
  if limit ~= nil then
    limit = tonumber(duration.to_ns("udp:settimeout", "limit", limit)) / 1e9
  end
  self.timeout = limit
  return 1
end

--- Set or read an option of the socket: broadcast, ttl, multicast_ttl,
--- multicast_loop, reuseaddr, reuseport, v6only, sndbuf, rcvbuf.
--- @return boolean? done
--- @return string? err
--- @return string? code
function Udp:setoption(name, value)
  check_self(self, "setoption")
  if self.closed_here then return unsent(CLOSED) end
  return done(options.set("udp:setoption", self.fd, name, value))
end

function Udp:getoption(name)
  check_self(self, "getoption")
  if self.closed_here then return unsent(CLOSED) end
  local value, status = options.get("udp:getoption", self.fd, name)
  if value == nil then return unsent(status) end
  return value
end

--- Stop calling the handler, and go on: datagrams stay in the kernel meanwhile,
--- as far as rcvbuf holds them.
function Udp:pause()
  check_self(self, "pause")
  C.tl_datagram_pause(loop, self.slot, self.generation, 1)
  return self
end

function Udp:resume()
  check_self(self, "resume")
  C.tl_datagram_pause(loop, self.slot, self.generation, 0)
  return self
end

--- Let the loop end although this is open; and the opposite.
function Udp:unref()
  check_self(self, "unref")
  C.tl_handle_ref(loop, self.slot, self.generation, 0)
  return self
end

function Udp:ref()
  check_self(self, "ref")
  C.tl_handle_ref(loop, self.slot, self.generation, 1)
  return self
end

--- Whether it has been closed.
function Udp:closed()
  check_self(self, "closed")
  return self.closed_here == true
end

--- The descriptor; nil when it is closed. It stays the socket's.
--- @return integer?
function Udp:fileno()
  check_self(self, "fileno")
  if not self.closed_here then return self.fd end
end

local function name_of(self, peer)
  local result = ffi.new("tl_address")
  if self.closed_here or C.tl_socket_name(self.fd, peer, result) ~= 0 then return nil end
  return result
end

--- The own address, such as "127.0.0.1:4711"; the port is 0 before it has one.
--- @return string? address nil when it is closed
function Udp:sock()
  check_self(self, "sock")
  local found = name_of(self, 0)
  return found and address.text(found)
end

--- Where it is connected to.
--- @return string? address
function Udp:peer()
  check_self(self, "peer")
  local found = name_of(self, 1)
  return found and address.text(found)
end

-- ---------------------------------------------------------------------------
-- LuaSocket's forms

local function joined(where, ip, port)
  if type(ip) ~= "string" then misuse.got(where, "ip must be a string", ip) end
  port = tonumber(port)
  if not port or port % 1 ~= 0 or port < 0 or port > 65535 then
    misuse.got(where, "port must be a whole number from 0 to 65535", port)
  end
  if ip == "*" then ip = "" end
  return (ip:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(ip, port)
end

--- send(data, to) in LuaSocket's form.
--- @param ip string an address or a name
--- @param port integer
function Udp:sendto(data, ip, port)
  check_self(self, "sendto")
  return self:send(data, joined("udp:sendto", ip, port))
end

local function split(data, from, code)
  if not data then return nil, from, code end
  local ip, port = from:match("^%[?(.-)%]?:(%d+)$")
  if not ip then return data, from end
  return data, ip, tonumber(port)
end

--- receive() in LuaSocket's form.
--- @return string? data
--- @return string? ip or err
--- @return integer|string|nil port or code
function Udp:receivefrom()
  check_self(self, "receivefrom")
  return split(self:receive())
end

--- connect(addr) in LuaSocket's form; setpeername("*") undoes it.
--- @return integer? 1
function Udp:setpeername(ip, port)
  check_self(self, "setpeername")
  local ok, err, code
  if ip == "*" and port == nil then
    ok, err, code = done(C.tl_datagram_connect(loop, self.slot, self.generation, nil))
  else
    ok, err, code = self:connect(joined("udp:setpeername", ip, port))
  end
  if ok then return 1 end
  return nil, err, code
end

--- Bind a socket that was made without an address.
--- @param ip string an address, or "*" for all interfaces
--- @param port integer
--- @return integer? 1
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
  return unsent(status)
end

local function ip_and_port(found)
  if not found then return nil, "closed" end
  return address.host_port(found)
end

--- @return string? ip
--- @return integer? port
function Udp:getsockname()
  check_self(self, "getsockname")
  return ip_and_port(name_of(self, 0))
end

--- Of the one it is connected to.
function Udp:getpeername()
  check_self(self, "getpeername")
  if self.closed_here then return unsent(CLOSED) end
  local found = name_of(self, 1)
  if not found then return nil, "not connected", "ENOTCONN" end
  return address.host_port(found)
end

-- ---------------------------------------------------------------------------
-- life

local function run_close(self, on_close)
  task.become(self, on_close)
  on_close(self)
end

--- Close it. Who waits for it is woken with "closed"; what is left to receive
--- is lost, and the file of a bound Unix socket is removed. Harmless when
--- repeated.
--- @return boolean true
function Udp:close()
  check_self(self, "close")
  if self.closed_here then return true end
  self.closed_here = true
  ffi.gc(self.id, nil)
  if self.file then socket_file.remove(self.own, self.file) end
  if self.flowing then anchors.clear(self.slot) end
  udp.all[self.slot] = nil
  C.tl_datagram_close(loop, self.slot, self.generation)
  if self.on_close then task.spawn(run_close, self, self.on_close) end
  return true
end

-- What the core calls, at the places of TL_TELL_DATA and TL_TELL_ERROR; the
-- first tells whose callback it is.
local function callbacks_of(self)
  local on_error = self.on_error
  local function failed(_, status, length)
    local message, code = receive_words(status, length)
    if on_error then return on_error(self, message, code) end
    errors.report(("udp %s: %s"):format(self:sock(), message), nil, self)
  end
  return { self.handler, callable.plain(self.handler), false, false,
    callable.stand_in(failed, on_error) }
end

local CALLBACKS = options.names("data error close")

local function check_handler(self, handler, opts)
  self.on_error = opts.error
  if opts.error ~= nil then callable.check("udp", "option error", opts.error) end
  if handler == nil then
    if opts.error ~= nil then misuse.raise("udp", "option error is for a handler") end
    return
  end
  if type(handler) ~= "table" or getmetatable(handler) then
    callable.check("udp", "handler", handler)
    self.handler = handler
    return
  end
  for name, fn in pairs(handler) do
    if not CALLBACKS[name] then
      misuse.got("udp", "a callback must be one of close, data, error", name)
    end
    callable.check("udp", "callback " .. name, fn)
  end
  if not handler.data then misuse.got("udp", "callback data must be a function", nil) end
  self.handler, self.on_close = handler.data, handler.close
  self.on_error = handler.error or opts.error
end

-- Whether an option means something to the family.
local function suits(family, name)
  if family == UNIX then return OF_UNIX[name] end
  return family ~= INET or name ~= "v6only"
end

local function apply(fd, opts, family, subject)
  local list = {}
  for _, entry in ipairs(options.for_kernel("udp", opts, KERNEL, DEFAULTS)) do
    if suits(family, entry[1]) then list[#list + 1] = entry end
  end
  local ok, message, code = options.apply(fd, list, true, subject)
  if ok and opts.multicast_interface and family ~= UNIX then
    local status = C.tl_socket_multicast_from(fd, opts.multicast_interface)
    if status ~= 0 then
      return errors.failed(subject .. ": option multicast_interface", status)
    end
  end
  return ok, message, code
end

-- A socket for an address, bound to it if it is to be; or nil, message, code,
-- status.
local function open(candidate, bound, opts, subject)
  local fd = C.tl_socket_open(candidate, DATAGRAM)
  if fd < 0 then
    local _, message, code = errors.failed(subject, fd)
    return nil, message, code, fd
  end
  local ok, message, code = apply(fd, opts, C.tl_address_family(candidate), subject)
  local status = ok and bound and C.tl_socket_bind(fd, candidate) or 0
  if status ~= 0 then ok, message, code = errors.failed(subject, status) end
  if ok then return fd end
  C.tl_socket_close(fd)
  return nil, message, code, status
end

-- Both families at once, or IPv4 where the system has no IPv6.
local function open_any(port, bound, opts, subject)
  local any = ffi.new("tl_address")
  C.tl_address_any(1, port, any)
  local fd, message, code, status = open(any, bound, opts, subject)
  if status ~= NO_IPV6 and status ~= NO_ADDRESS then return fd, message, code end
  C.tl_address_any(0, port, any)
  return open(any, bound, opts, subject)
end

local function open_first(addr, endpoint, opts, subject)
  local candidates, message, code = endpoints.addresses("udp", endpoint, addr)
  if not candidates then return nil, message, code end
  local fd
  for _, candidate in ipairs(candidates) do
    fd, message, code = open(candidate, true, opts, subject)
    if fd then return fd end
  end
  return nil, message, code
end

local function inherit(addr, endpoint, opts, subject)
  local fd, message, code = endpoints.inherited("udp", endpoint, addr)
  if not fd then return nil, message, code end
  local listening = ffi.new("int[1]")
  local kind = C.tl_socket_inherit(fd, listening)
  if kind < 0 then return errors.failed(subject, kind) end
  if kind ~= DATAGRAM then return nil, subject .. ": not a datagram socket", "EINVAL" end
  local own = ffi.new("tl_address")
  C.tl_socket_name(fd, 0, own)
  local ok
  ok, message, code = apply(fd, opts, C.tl_address_family(own), subject)
  if ok then return fd end
  return nil, message, code
end

-- A Unix socket whose name the kernel chooses: unix(7), autobind.
local function open_nameless(opts, subject)
  local nameless = ffi.new("tl_address", { length = 2 })
  ffi.cast("uint16_t *", nameless.bytes)[0] = UNIX
  return open(nameless, true, opts, subject)
end

local function open_for(addr, opts)
  if addr == nil then return open_any(0, false, opts, "udp") end
  if addr == "unix:" then return open_nameless(opts, "udp unix:") end
  local endpoint = address.parse("udp", "address", addr)
  local subject = "udp " .. addr
  if endpoint.kind == endpoints.FD then return inherit(addr, endpoint, opts, subject) end
  if endpoint.kind == endpoints.ANY then
    return open_any(endpoint.port, true, opts, subject)
  end
  return open_first(addr, endpoint, opts, subject)
end

-- A socket that nobody has any more is closed.
local function collected(id)
  C.tl_datagram_close(loop, id.slot, id.generation)
end

local function start(self, fd, subject)
  local id = core.new_id()
  local status = C.tl_datagram_start(loop, id, fd, self.handler and 1 or 0)
  if status ~= 0 then
    C.tl_socket_close(fd)
    return errors.failed(subject, status)
  end
  self.fd, self.slot, self.generation = fd, id.slot, id.generation
  self.place = setmetatable({ slot = id.slot, generation = id.generation }, Place)
  local own = ffi.new("tl_address")
  C.tl_socket_name(fd, 0, own)
  self.family = C.tl_address_family(own)
  self.both = self.family ~= INET and self.family ~= UNIX
    and C.tl_socket_get(fd, 10) == 0 -- TL_OPTION_V6ONLY
  if self.owns_file then self.own, self.file = own, socket_file.claim(own) end
  self.id = ffi.gc(id, collected)
  udp.all[self.slot] = self
  if self.handler then
    self.flowing = true
    anchors.set(self.slot, callbacks_of(self), self)
  end
  return self
end

--- Open a datagram socket.
--- @param addr? string where to receive: "127.0.0.1:53", "[::1]:53", ":53" (all
---   interfaces), "unix:/path", "unix:@name", "unix:" (a name of the kernel's
---   choice), "fd:3"; port 0 takes a free one. nil: the kernel gives it a port with
---   the first datagram that it sends. nil and ":53" serve IPv4 and IPv6 at once
--- @param handler? function|table fun(socket, data, from), called for each
---   datagram; or a table of callbacks: data, error(socket, message, code),
---   close(socket). nil: take them by socket:receive()
--- @param opts? table broadcast, ttl, multicast_ttl, multicast_loop,
---   multicast_interface, reuseaddr, reuseport, v6only, sndbuf, rcvbuf, timeout,
---   error = fun(socket, message, code)
--- @return timerlua.Udp? socket
--- @return string? message
--- @return string? code "EADDRINUSE", "EACCES", "EADDRNOTAVAIL" ... bind(2)
function udp.udp(addr, handler, opts)
  opts = options.check("udp", opts, KNOWN)
  local self = setmetatable({ timeout = options.seconds("udp", opts, "timeout") }, Udp)
  check_handler(self, handler, opts)
  options.for_kernel("udp", opts, KERNEL) -- raises before anything is opened
  local interface = opts.multicast_interface
  if interface ~= nil and type(interface) ~= "string" then
    misuse.got("udp", "option multicast_interface must be a name", interface)
  end
  local fd, message, code = open_for(addr, opts)
  if not fd then return nil, message, code end
  self.owns_file = addr ~= nil and addr:sub(1, 5) == "unix:"
  return start(self, fd, "udp " .. (addr or ""))
end

--- For a list of handles: the socket in a slot.
function udp.row(slot)
  local self = udp.all[slot]
  if not self then return nil end
  local info = ffi.new("tl_handle_info")
  C.tl_handle_info_get(loop, slot, self.generation, info)
  return { kind = "udp", handle = self, name = self.name, site = self.site,
    fd = self.fd, address = self:sock(), peer = self:peer(), active = info.active ~= 0,
    paused = info.paused ~= 0 }
end

return udp
