-- The object of a datagram socket: its class, the words for its events, its settings, state
-- and groups, and its end. Receiving and sending are in the files beside this one, which
-- add their methods to the class.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local address = require "timerlua.net.address"
local anchors = require "timerlua.core.anchors"
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local errno = require "timerlua.core.errno"
local kinds = require "timerlua.core.kinds"
local misuse = require "timerlua.core.misuse"
local suggest = require "timerlua.core.suggest"
local options = require "timerlua.net.options"
local settings = require "timerlua.net.settings"
local socket_file = require "timerlua.net.socket_file"
local task = require "timerlua.task.task"
local words = require "timerlua.net.words"

local C, loop = core.C, core.loop
local EBADF = errno.EBADF

--- @class timerlua.Udp
--- @since 0.1
--- @field kind string "udp"
--- @field name string? yours to set; reports and lists show it
--- @field site string? where its handler was defined
local Udp = { kind = kinds[C.TL_DATAGRAM] }

local object = {
  Udp = Udp,

  --- By slot, for lists; the garbage collector may collect the objects.
  all = setmetatable({}, { __mode = "v" }),

  --- The meaning of a status of the core: a word or text, and its symbolic code.
  words = words.for_kind {},

  --- Raise unless `self` is a datagram socket; `method` was called on it.
  check_self = check.self_of(Udp, "udp", "a datagram socket", "socket"),
}

local check_self = object.check_self

suggest.methods(Udp, "udp", { write = "send", read = "receive", recv = "receive",
  recvfrom = "receivefrom", stop = "close" })

function Udp.__index(self, key)
  if key == "site" then return callable.site(self.handler) end
  return Udp[key]
end

function Udp.__tostring(self)
  return ("timerlua.Udp: %s"):format(self.closed_here and "closed" or self:sock())
end

--- The results of a function that succeeded or failed, by its status.
--- @param status integer 0 or a negative errno
function object.done(status)
  if status == 0 then return true end
  return nil, object.words(status)
end

local done = object.done

local Place = {}
Place.__index = Place

function Place:remove(waiter)
  C.tl_datagram_leave(loop, self.slot, self.generation, waiter.slot, waiter.generation)
end

--- The value of waiter.list while a task waits for the socket of this id.
function object.place(id)
  return setmetatable({ slot = id.slot, generation = id.generation }, Place)
end

-- ---------------------------------------------------------------------------
-- settings

--- Set how long receive and send may wait.
--- @param limit? timerlua.Duration nil or a negative number: no limit
--- @return integer one 1, as in LuaSocket
function Udp:settimeout(limit)
  check_self(self, "settimeout")
  self.timeout = settings.time_limit("udp:settimeout", limit)
  return 1
end

--- Set an option of the socket.
--- @param name string broadcast, ttl, multicast_ttl, multicast_loop, reuseaddr, reuseport,
---   v6only, sndbuf, rcvbuf
--- @param value boolean|integer as in UdpOptions
--- @return boolean? done true
--- @return string? err
--- @return string? code "EBADF" (closed), or from setsockopt(2)
function Udp:setoption(name, value)
  check_self(self, "setoption")
  return done(options.set("udp:setoption", self:fileno(), name, value))
end

--- Read an option of the socket.
--- @param name string as for setoption
--- @return boolean|integer|nil value in the form that setoption takes
--- @return string? err
--- @return string? code "EBADF" (closed), or from getsockopt(2)
function Udp:getoption(name)
  check_self(self, "getoption")
  local value, status = options.get("udp:getoption", self:fileno(), name)
  if value == nil then return done(status) end
  return value
end

--- Stop calling the handler: datagrams stay in the kernel, as far as they fit in rcvbuf.
--- @return timerlua.Udp udp itself
function Udp:pause()
  check_self(self, "pause")
  return settings.pause(self, C.tl_datagram_pause, 1)
end

--- Continue calling the handler after `pause`.
--- @return timerlua.Udp udp itself
function Udp:resume()
  check_self(self, "resume")
  return settings.pause(self, C.tl_datagram_pause, 0)
end

--- Let the loop end although this socket is open.
--- @return timerlua.Udp udp itself
function Udp:unref()
  check_self(self, "unref")
  return settings.refer(self, C.tl_datagram_ref, 0)
end

--- Keep the loop running for this socket while it has a handler or a task waits for it,
--- which is the default.
--- @return timerlua.Udp udp itself
function Udp:ref()
  check_self(self, "ref")
  return settings.refer(self, C.tl_datagram_ref, 1)
end

-- ---------------------------------------------------------------------------
-- groups

local function change_group(self, where, group, interface, join)
  if type(group) ~= "string" then misuse.got(where, "group must be an address", group) end
  if interface ~= nil and type(interface) ~= "string" then
    misuse.got(where, "interface must be a name", interface)
  end
  local bare = string.match(group, "^%[(.*)%]$") or group
  local parsed = ffi.new("tl_address")
  local status = C.tl_address_numeric(bare, #bare, 0, parsed)
  if status == errno.ENODEV then return done(status) end
  if status ~= 0 then
    misuse.got(where, 'group must be an address without a port, such as "239.1.2.3"', group)
  end
  if self.closed_here then return done(EBADF) end
  return done(C.tl_socket_group(self.fd, parsed, interface, join))
end

--- Join a multicast group, to receive datagrams sent to it.
--- @param group string an address without a port: "239.1.2.3", "ff02::1%lo"
--- @param interface? string a network interface, such as "eth0"; default: chosen by the
---   kernel
--- @return boolean? done
--- @return string? err
--- @return string? code "EINVAL" (not a multicast address), "ENODEV", "EADDRINUSE" (already
---   joined)
function Udp:join(group, interface)
  check_self(self, "join")
  return change_group(self, "udp:join", group, interface, 1)
end

--- Leave a multicast group.
--- @param group string as for join
--- @param interface? string as for join
--- @return boolean? done true
--- @return string? err
--- @return string? code "EADDRNOTAVAIL" (not joined), or as for join
function Udp:leave(group, interface)
  check_self(self, "leave")
  return change_group(self, "udp:leave", group, interface, 0)
end

-- ---------------------------------------------------------------------------
-- questions

--- Return whether the socket is closed.
--- @return boolean
function Udp:closed()
  check_self(self, "closed")
  return self.closed_here == true
end

--- Return the descriptor, which still belongs to the socket.
--- @return integer? fd nil when the socket is closed
function Udp:fileno()
  check_self(self, "fileno")
  if not self.closed_here then return self.fd end
end

local function name_of(self, peer)
  local result = ffi.new("tl_address")
  if self.closed_here or C.tl_socket_name(self.fd, peer, result) ~= 0 then return nil end
  return result
end

--- Return the local address, such as "127.0.0.1:4711"; the port is 0 until the socket has
--- one.
--- @return string? address nil when the socket is closed
function Udp:sock()
  check_self(self, "sock")
  local found = name_of(self, 0)
  return found and address.text(found)
end

--- Return the address that the socket is connected to.
--- @return string? address nil when the socket is not connected
function Udp:peer()
  check_self(self, "peer")
  local found = name_of(self, 1)
  return found and address.text(found)
end

local function ip_and_port(found)
  if not found then return nil, "closed" end
  return address.host_port(found)
end

--- Return the local address in LuaSocket's form.
--- @return string? ip an address, or the text of a Unix socket's address; nil when the
---   socket is closed
--- @return integer|string|nil port nil for a Unix socket; "closed" when ip is nil
function Udp:getsockname()
  check_self(self, "getsockname")
  return ip_and_port(name_of(self, 0))
end

--- Return the address that the socket is connected to, in LuaSocket's form.
--- @return string? ip an address, or the text of a Unix socket's address
--- @return integer|string|nil port nil for a Unix socket; "not connected" or "closed" when
---   ip is nil
--- @return string? code "ENOTCONN", "EBADF"
function Udp:getpeername()
  check_self(self, "getpeername")
  if self.closed_here then return done(EBADF) end
  local found = name_of(self, 1)
  if not found then return nil, "not connected", "ENOTCONN" end
  return address.host_port(found)
end

-- ---------------------------------------------------------------------------
-- the end

local function run_close(self, on_close)
  task.become(self, on_close)
  on_close(self)
end

--- Close the socket. Waiting tasks get "closed"; datagrams that were not received are lost,
--- and the file of a bound Unix socket is removed. Harmless when repeated.
--- @return boolean closed true
function Udp:close()
  check_self(self, "close")
  if self.closed_here then return true end
  self.closed_here = true
  ffi.gc(self.id, nil)
  socket_file.remove(self)
  if C.tl_datagram_close(loop, self.slot, self.generation) == 0 then
    anchors.clear(self.slot)
    object.all[self.slot] = nil
  end
  if self.on_close then task.spawn(run_close, self, self.on_close) end
  return true
end

--- The socket in a slot, for a list of handles.
function object.row(slot)
  local self = object.all[slot]
  if not self then return nil end
  local info = ffi.new("tl_handle_info")
  C.tl_handle_info_get(loop, slot, self.generation, info)
  return { kind = self.kind, handle = self, name = self.name, site = self.site,
    fd = self.fd, address = self:sock(), peer = self:peer(), active = info.active ~= 0,
    paused = info.paused ~= 0 }
end

return object
