-- The object of a connection: its class, the words for its events, its settings and its
-- state. Receiving, sending and ending are in the files beside this one, each of which adds
-- its methods to the class.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local address = require "timerlua.net.address"
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local errno = require "timerlua.core.errno"
local kinds = require "timerlua.core.kinds"
local misuse = require "timerlua.core.misuse"
local suggest = require "timerlua.core.suggest"
local options = require "timerlua.net.options"
local settings = require "timerlua.net.settings"
local words = require "timerlua.net.words"

local C, loop = core.C, core.loop
local info = ffi.new("tl_stream_info")

local EBADF, NOT_CONNECTED = errno.EBADF, C.TL_NOT_CONNECTED

--- @class timerlua.Connection
--- @since 0.1
--- @field kind string "connection"
--- @field name string? yours to set; reports and lists show it
--- @field site string? where its handler was defined
local Connection = { kind = kinds[C.TL_STREAM] }

local object = {
  Connection = Connection,

  --- By slot, for lists; the garbage collector may collect the objects.
  all = setmetatable({}, { __mode = "v" }),

  --- The meaning of a status of the core: a word or text, and its symbolic code.
  words = words.for_kind {
    [C.TL_EOF] = { "closed", "EOF" },
    [errno.ECONNRESET] = { "closed", "ECONNRESET" },
    [errno.EPIPE] = { "closed", "EPIPE" },
    [errno.ETIME] = { "closed", "ETIME" },
    [NOT_CONNECTED] = { "not connected yet", "ENOTCONN" },
    [C.TL_QUEUE_FULL] = { "the queue's limit is reached", "ENOBUFS" },
    [C.TL_LINE_TOO_LONG] = { "longer than receive_limit", "EMSGSIZE" },
    [C.TL_NO_RECEIVING] = { "it is open for sending only", "EBADF" },
    [C.TL_NO_SENDING] = { "it is open for receiving only", "EBADF" },
  },

  --- Raise unless `self` is a connection; `method` was called on it.
  check_self = check.self_of(Connection, "connection", "a connection"),
}

local check_self, words_of = object.check_self, object.words

suggest.methods(Connection, "connection", { write = "send", print = "send",
  read = "receive", recv = "receive", setTimeout = "settimeout", set_timeout = "settimeout",
  destroy = "abort", stop = "close" })

function Connection.__index(self, key)
  if key == "site" then return callable.site(self.handler) end
  return Connection[key]
end

--- The status to report for a connection: the core does not know a connection that is still
--- being made.
function object.known_status(self, status)
  return status == EBADF and self.connecting and NOT_CONNECTED or status
end

function Connection.__tostring(self)
  return ("timerlua.Connection: %s"):format(self:closed() and "closed"
    or self:peer() or "fd " .. tostring(self:fileno()))
end

-- ---------------------------------------------------------------------------
-- settings

--- Set how long receive and send may wait.
--- @param limit? timerlua.Duration nil or a negative number: no limit
--- @param mode "b"|"t"|nil "b", the default: the limit starts again whenever bytes arrive;
---   "t": the limit covers the whole call
--- @return integer one 1, as in LuaSocket
function Connection:settimeout(limit, mode)
  check_self(self, "settimeout")
  if mode ~= nil and mode ~= "b" and mode ~= "t" then
    misuse.got("connection:settimeout", 'mode must be "b" or "t"', mode)
  end
  self.timeout = settings.time_limit("connection:settimeout", limit)
  self.in_total = mode == "t"
  return 1
end

--- Stop reading: no data callbacks are called, and the peer's bytes stay in the kernel.
--- @return timerlua.Connection conn itself
function Connection:pause()
  check_self(self, "pause")
  return settings.pause(self, C.tl_stream_pause, 1)
end

--- Continue reading after `pause`.
--- @return timerlua.Connection conn itself
function Connection:resume()
  check_self(self, "resume")
  return settings.pause(self, C.tl_stream_pause, 0)
end

--- Let the loop end although this connection is open.
--- @return timerlua.Connection conn itself
function Connection:unref()
  check_self(self, "unref")
  return settings.refer(self, C.tl_stream_ref, 0)
end

--- Keep the loop running while this connection is open, which is the default.
--- @return timerlua.Connection conn itself
function Connection:ref()
  check_self(self, "ref")
  return settings.refer(self, C.tl_stream_ref, 1)
end

--- Set an option of the socket.
--- @param name string nodelay, cork, keepalive, linger, ttl, sndbuf, rcvbuf
--- @param value boolean|integer as in ConnectionOptions
--- @return boolean? done true
--- @return string? err
--- @return string? code "EBADF" (closed), or from setsockopt(2)
function Connection:setoption(name, value)
  check_self(self, "setoption")
  local status = options.set("connection:setoption", self:fileno(), name, value)
  if status == 0 then return true end
  return nil, words_of(status)
end

--- Read an option of the socket.
--- @param name string as for setoption
--- @return boolean|integer|nil value in the form that setoption takes
--- @return string? err
--- @return string? code "EBADF" (closed), or from getsockopt(2)
function Connection:getoption(name)
  check_self(self, "getoption")
  local value, status = options.get("connection:getoption", self:fileno(), name)
  if value == nil then return nil, words_of(status) end
  return value
end

--- Hold back partial packets: TCP_CORK, tcp(7).
--- @return boolean? done true
--- @return string? err
--- @return string? code as for setoption
function Connection:cork()
  check_self(self, "cork")
  return self:setoption("cork", true)
end

--- Send the bytes held back, and let partial packets leave again.
--- @return boolean? done true
--- @return string? err
--- @return string? code as for setoption
function Connection:uncork()
  check_self(self, "uncork")
  self:flush()
  return self:setoption("cork", false)
end

-- ---------------------------------------------------------------------------
-- questions

local function state(self)
  return C.tl_stream_info_get(loop, self.slot, self.generation, info) == 0
end

--- Return how many bytes the kernel has not taken yet.
--- @return number bytes
--- @return boolean above_high whether this is more than the high-water mark
function Connection:queued()
  check_self(self, "queued")
  if not state(self) then return 0, false end
  return info.queued, info.above_high ~= 0
end

--- Return the numbers of bytes received and sent so far.
--- @return table stats in bytes: received, sent, queued, buffered
function Connection:stats()
  check_self(self, "stats")
  if not state(self) then return { received = 0, sent = 0, queued = 0, buffered = 0 } end
  return { received = info.received, sent = info.sent, queued = info.queued,
    buffered = info.buffered }
end

--- Return whether the connection has been closed here, or by an error of a connection with
--- callbacks.
--- @return boolean
function Connection:closed()
  check_self(self, "closed")
  return not self.connecting and (not state(self) or info.closing ~= 0)
end

--- Return the descriptor, which still belongs to the connection.
--- @return integer? fd nil when the connection is closed
function Connection:fileno()
  check_self(self, "fileno")
  return state(self) and info.fd >= 0 and info.fd or nil
end

-- The address, or nil and a status.
local function own_address(self)
  local result = ffi.new("tl_address")
  if not state(self) or info.fd < 0 then return nil, EBADF end
  local status = C.tl_socket_name(info.fd, 0, result)
  if status == 0 then return result end
  return nil, status
end

local function peer_address(self)
  local result = ffi.new("tl_address")
  local status = C.tl_stream_peer(loop, self.slot, self.generation, result)
  if status == 0 then return result end
  return nil, status
end

--- Return the peer's address, such as "127.0.0.1:80".
--- @return string? address nil when the address is no longer known
--- @return string? message
--- @return string? code "ENOTCONN", "EBADF" (closed); "ENOTSOCK": a pipe or a file
function Connection:peer()
  check_self(self, "peer")
  local found, status = peer_address(self)
  if found then return address.text(found) end
  if self.known_peer then return self.known_peer end
  return nil, words_of(status)
end

--- Return the local address, such as "127.0.0.1:80".
--- @return string? address
--- @return string? message
--- @return string? code as for peer
function Connection:sock()
  check_self(self, "sock")
  local found, status = own_address(self)
  if found then return address.text(found) end
  return nil, words_of(status)
end

--- Return the peer's address in LuaSocket's form.
--- @return string? ip an address, or the text of a Unix socket's address; nil when unknown
--- @return integer|string|nil port nil for a Unix socket; "closed" when ip is nil
function Connection:getpeername()
  check_self(self, "getpeername")
  local found = peer_address(self)
  if not found then return nil, "closed" end
  return address.host_port(found)
end

--- Return the local address in LuaSocket's form.
--- @return string? ip an address, or the text of a Unix socket's address; nil when unknown
--- @return integer|string|nil port nil for a Unix socket; "closed" when ip is nil
function Connection:getsockname()
  check_self(self, "getsockname")
  local found = own_address(self)
  if not found then return nil, "closed" end
  return address.host_port(found)
end

return object
