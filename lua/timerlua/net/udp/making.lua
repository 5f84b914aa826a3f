-- tl.udp: datagram sockets, UDP and Unix ones. Nothing is queued: a datagram is sent at
-- once, and received datagrams stay in the kernel until they are taken, or are lost there.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local address = require "timerlua.net.address"
local anchors = require "timerlua.core.anchors"
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local endpoints = require "timerlua.net.endpoints"
local entries = require "timerlua.core.entries"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local misuse = require "timerlua.core.misuse"
local object = require "timerlua.net.udp.object"
local options = require "timerlua.net.options"
local receiving = require "timerlua.net.udp.receiving"
local socket_file = require "timerlua.net.socket_file"
require "timerlua.net.udp.sending" -- adds its methods

local C, loop = core.C, core.loop

local DATAGRAM, UNIX, INET = C.TL_SOCKET_DATAGRAM, C.TL_UNIX, C.TL_INET
local DATA, ERROR = C.TL_TELL_DATA, C.TL_TELL_ERROR

local KERNEL = "broadcast ttl multicast_ttl multicast_loop reuseaddr reuseport "
  .. "v6only sndbuf rcvbuf"
local KNOWN = check.names("timeout error multicast_interface mode unlink", KERNEL)
local DEFAULTS = { v6only = false }
-- The options that apply to a Unix socket.
local OF_UNIX = check.names("sndbuf rcvbuf reuseaddr")

local udp = {}

-- The callbacks, in the positions from which the core calls them; the first entry says
-- whose callbacks they are.
local function callbacks_of(self)
  local on_error = self.on_error
  local function failed(_, status, length)
    local message, code = receiving.words(status, length)
    if on_error then return on_error(self, message, code) end
    errors.report(("udp %s: %s"):format(self:sock(), message), nil, self)
  end
  local list = { self.handler, false, false, false, false }
  list[DATA], list[ERROR] = callable.plain(self.handler), callable.stand_in(failed, on_error)
  return list
end

local CALLBACKS = check.names("data error close")

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
  for name, fn in entries(handler) do
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

-- What is to be set on the descriptor, read once, before there is one.
local function settings_of(addr, opts)
  local interface = opts.multicast_interface
  if interface ~= nil and type(interface) ~= "string" then
    misuse.got("udp", "option multicast_interface must be a name", interface)
  end
  return { kernel = options.for_kernel("udp", opts, KERNEL, DEFAULTS), interface = interface,
    file = socket_file.settings("udp", addr, opts) }
end

local function apply(fd, settings, family, subject)
  local list = {}
  for _, entry in ipairs(settings.kernel) do
    if suits(family, entry[1]) then list[#list + 1] = entry end
  end
  local ok, message, code = options.apply(fd, list, true, subject)
  if ok and settings.interface and family ~= UNIX then
    local status = C.tl_socket_multicast_from(fd, settings.interface)
    if status ~= 0 then
      return errors.failed(subject .. ": option multicast_interface", status)
    end
  end
  return ok, message, code
end

-- A socket for an address, bound to the address if requested; or nil, message, code,
-- status.
local function open(candidate, bound, settings, subject)
  local fd = C.tl_socket_open(candidate, DATAGRAM)
  if fd < 0 then
    local _, message, code = errors.failed(subject, fd)
    return nil, message, code, fd
  end
  local ok, message, code = apply(fd, settings, C.tl_address_family(candidate), subject)
  local status = 0
  if ok and bound then status = socket_file.bind(fd, candidate, settings.file) end
  if status ~= 0 then ok, message, code = errors.failed(subject, status) end
  if ok then return fd end
  C.tl_descriptor_close(fd)
  return nil, message, code, status
end

-- Both families at once, or IPv4 alone if the system has no IPv6.
local function open_any(port, bound, settings, subject)
  local any = ffi.new("tl_address")
  C.tl_address_any(1, port, any)
  local fd, message, code, status = open(any, bound, settings, subject)
  if status ~= errno.EAFNOSUPPORT and status ~= errno.EADDRNOTAVAIL then
    return fd, message, code end
  C.tl_address_any(0, port, any)
  return open(any, bound, settings, subject)
end

local function open_first(addr, endpoint, settings, subject)
  local candidates, message, code = endpoints.addresses("udp", endpoint, addr)
  if not candidates then return nil, message, code end
  local fd
  for _, candidate in ipairs(candidates) do
    fd, message, code = open(candidate, true, settings, subject)
    if fd then return fd end
  end
  return nil, message, code
end

local function inherit(addr, endpoint, settings, subject)
  local fd, message, code = endpoints.inherited("udp", endpoint, addr)
  if not fd then return nil, message, code end
  local own = ffi.new("tl_address")
  C.tl_socket_name(fd, 0, own)
  local ok
  ok, message, code = apply(fd, settings, C.tl_address_family(own), subject)
  if ok then return fd end
  return nil, message, code
end

-- A Unix socket whose name the kernel chooses: unix(7), autobind.
local function open_nameless(settings, subject)
  local nameless = ffi.new("tl_address", { length = 2 })
  ffi.cast("uint16_t *", nameless.bytes)[0] = UNIX
  return open(nameless, true, settings, subject)
end

local function open_for(addr, settings)
  if addr == nil then return open_any(0, false, settings, "udp") end
  if addr == "unix:" then return open_nameless(settings, "udp unix:") end
  local endpoint, status = address.parse("udp", "address", addr)
  local subject = "udp " .. addr
  if not endpoint then return errors.failed(subject, status) end
  if endpoint.kind == endpoints.FD then return inherit(addr, endpoint, settings, subject) end
  if endpoint.kind == endpoints.ANY then
    return open_any(endpoint.port, true, settings, subject)
  end
  return open_first(addr, endpoint, settings, subject)
end

-- Close a socket that has become garbage.
local function collected(id)
  C.tl_datagram_close(loop, id.slot, id.generation)
end

local function start(self, fd, subject)
  local id = core.new_id()
  local status = C.tl_datagram_start(loop, id, fd, self.handler and 1 or 0)
  if status ~= 0 then
    C.tl_descriptor_close(fd)
    return errors.failed(subject, status)
  end
  self.fd, self.slot, self.generation = fd, id.slot, id.generation
  self.place = object.place(id)
  local own = ffi.new("tl_address")
  C.tl_socket_name(fd, 0, own)
  self.family = C.tl_address_family(own)
  self.both = self.family ~= INET and self.family ~= UNIX
    and C.tl_socket_get(fd, C.TL_OPTION_V6ONLY) == 0
  if self.owns_file then socket_file.claim(self, own) end
  self.id = ffi.gc(id, collected)
  object.all[self.slot] = self
  if self.handler then
    self.flowing = true
    anchors.set(self.slot, callbacks_of(self), self)
  end
  return self
end

--- @class timerlua.UdpOptions
--- @since 0.1
--- @field broadcast? boolean allow sending to broadcast addresses
--- @field ttl? integer hops, 1 to 255
--- @field multicast_ttl? integer hops of multicast datagrams, 0 to 255
--- @field multicast_loop? boolean whether this host receives its own multicast datagrams
--- @field multicast_interface? string the interface for outgoing multicast datagrams, such
---   as "eth0"
--- @field reuseaddr? boolean SO_REUSEADDR, socket(7)
--- @field reuseport? boolean SO_REUSEPORT, socket(7)
--- @field v6only? boolean IPV6_V6ONLY, ipv6(7); default false
--- @field sndbuf? integer SO_SNDBUF, socket(7); 1 to 2^30 bytes
--- @field rcvbuf? integer SO_RCVBUF, socket(7); 1 to 2^30 bytes
--- @field mode? integer|string permissions of the file of a Unix socket, as for tl.listen
--- @field unlink? "stale" take over the file of a Unix socket that nobody has, as after a crash
--- @field timeout? timerlua.Duration how long receive and send may wait; default: no limit
--- @field error? function fun(udp, message, code), for use with a handler that is a
---   function

--- Open a datagram socket.
--- @param addr? timerlua.Address where to receive; for "unix:" the kernel chooses a name.
---   nil: the kernel assigns a port when the socket first sends. nil and ":53" serve IPv4
---   and IPv6 at once
--- @param handler function|table|nil fun(udp, data, from), called for each datagram; or a
---   table of callbacks: data, error(udp, message, code), close(udp). nil: take datagrams
---   with udp:receive()
--- @param opts? timerlua.UdpOptions
--- @return timerlua.Udp? udp
--- @return string? message
--- @return string? code "EADDRINUSE", "EACCES", "EADDRNOTAVAIL" ... bind(2)
function udp.udp(addr, handler, opts)
  opts = check.options("udp", opts, KNOWN)
  local self = setmetatable({ timeout = options.seconds("udp", opts, "timeout") }, object.Udp)
  check_handler(self, handler, opts)
  local fd, message, code = open_for(addr, settings_of(addr, opts))
  if not fd then return nil, message, code end
  self.owns_file = addr ~= nil and addr:sub(1, 5) == "unix:"
  return start(self, fd, "udp " .. (addr or ""))
end

return udp
