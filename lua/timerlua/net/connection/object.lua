-- The object that a connection is: its class, the words for what befalls it,
-- its settings and questions. What it receives, sends and how it ends is in the
-- files beside this one, each of which adds its methods to the class.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local address = require "timerlua.net.address"
local callable = require "timerlua.core.callable"
local duration = require "timerlua.core.duration"
local misuse = require "timerlua.core.misuse"
local options = require "timerlua.net.options"

local C, loop = core.C, core.loop
local to_string = ffi.string
local info = ffi.new("tl_stream_info")

local BAD_FD, INTERRUPTED = -9, -4
local NOT_CONNECTED = -4099 -- of ours: it is still being made
local TIME_OVER = -115

--- @class timerlua.Connection
--- @field kind string "connection"
--- @field name string? yours to set; reports and lists show it
--- @field site string? where its handler was defined
local Connection = { kind = "connection" }

local object = {
  Connection = Connection,

  --- By slot, so that lists find them; the garbage collector may take them.
  all = setmetatable({}, { __mode = "v" }),

  INTERRUPTED = INTERRUPTED,
  TIME_OVER = TIME_OVER,
}

function Connection.__index(self, key)
  if key == "site" then return callable.site(self.handler) end
  return Connection[key]
end

-- ---------------------------------------------------------------------------
-- words

-- LuaSocket's words for what its callers look out for.
local WORDS = {
  [-4096] = { "closed", "EOF" },
  [-104] = { "closed", "ECONNRESET" },
  [-32] = { "closed", "EPIPE" },
  [-9] = { "closed", "EBADF" },
  [-16] = { "busy", "EBUSY" },
  [NOT_CONNECTED] = { "not connected yet", "ENOTCONN" },
  [TIME_OVER] = { "timeout", "ETIMEDOUT" },
  [INTERRUPTED] = { "the loop ended", "ECANCELED" },
  [-4097] = { "the queue's limit is reached", "ENOBUFS" },  -- TL_QUEUE_FULL
  [-4098] = { "longer than receive_limit", "EMSGSIZE" },    -- TL_LINE_TOO_LONG
  [-4100] = { "it is open for sending only", "EBADF" },     -- TL_NO_RECEIVING
  [-4101] = { "it is open for receiving only", "EBADF" },   -- TL_NO_SENDING
}

--- What a status of the core means: a word or text, and its symbolic code.
function object.words(status)
  local words = WORDS[status]
  if words then return words[1], words[2] end
  return to_string(C.tl_error_text(status)):lower(), to_string(C.tl_error_name(status))
end

local words = object.words

--- A connection's status as its words are to say it: while the connection is
--- being made, the core does not know it.
function object.known_status(self, status)
  return status == BAD_FD and self.connecting and NOT_CONNECTED or status
end

--- Raise unless `self` is a connection; `method` was called on it.
function object.check_self(self, method)
  if getmetatable(self) ~= Connection then
    misuse.got("connection:" .. method,
      ("it must be called on a connection, as connection:%s()"):format(method), self)
  end
end

local check_self = object.check_self

function Connection.__tostring(self)
  return ("timerlua.Connection: %s"):format(self:closed() and "closed"
    or self:peer() or "fd " .. tostring(self:fileno()))
end

-- ---------------------------------------------------------------------------
-- settings

--- How long receive and send may wait.
--- @param limit? number|string|ffi.cdata* nil or a negative number: no limit
--- @param mode? "b"|"t" "b", the default: anew whenever bytes come; "t": for
---   the whole call
--- @return integer 1, as LuaSocket
function Connection:settimeout(limit, mode)
  check_self(self, "settimeout")
  if mode ~= nil and mode ~= "b" and mode ~= "t" then
    misuse.got("connection:settimeout", 'mode must be "b" or "t"', mode)
  end
  if type(limit) == "number" and limit < 0 then limit = nil end
  if limit ~= nil then
    limit = tonumber(duration.to_ns("connection:settimeout", "limit", limit)) / 1e9
  end
  self.timeout, self.in_total = limit, mode == "t"
  return 1
end

--- Stop reading, and go on with it: data callbacks come, and the peer's bytes
--- stay in the kernel meanwhile.
function Connection:pause()
  check_self(self, "pause")
  C.tl_stream_pause(loop, self.slot, self.generation, 1)
  return self
end

function Connection:resume()
  check_self(self, "resume")
  C.tl_stream_pause(loop, self.slot, self.generation, 0)
  return self
end

--- Let the loop end although this is open; and the opposite.
function Connection:unref()
  check_self(self, "unref")
  self.unreferenced = true
  C.tl_stream_ref(loop, self.slot, self.generation, 0)
  return self
end

function Connection:ref()
  check_self(self, "ref")
  self.unreferenced = nil
  C.tl_stream_ref(loop, self.slot, self.generation, 1)
  return self
end

--- Set or read an option of the socket: nodelay, cork, keepalive, linger, ttl,
--- sndbuf, rcvbuf.
--- @return boolean? done
--- @return string? err
--- @return string? code
function Connection:setoption(name, value)
  check_self(self, "setoption")
  local fd = self:fileno()
  if not fd then return nil, "closed", "EBADF" end
  local status = options.set("connection:setoption", fd, name, value)
  if status == 0 then return true end
  return nil, words(status)
end

function Connection:getoption(name)
  check_self(self, "getoption")
  local fd = self:fileno()
  if not fd then return nil, "closed", "EBADF" end
  local value, status = options.get("connection:getoption", fd, name)
  if value == nil then return nil, words(status) end
  return value
end

--- TCP_CORK: hold back partial packets, and let them go.
function Connection:cork()
  check_self(self, "cork")
  return self:setoption("cork", true)
end

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

--- Bytes that the kernel did not take yet.
--- @return number bytes
--- @return boolean above_high more than the high-water mark
function Connection:queued()
  check_self(self, "queued")
  if not state(self) then return 0, false end
  return info.queued, info.above_high ~= 0
end

--- Bytes received and sent so far.
--- @return table stats received, sent, queued, buffered
function Connection:stats()
  check_self(self, "stats")
  if not state(self) then return { received = 0, sent = 0, queued = 0, buffered = 0 } end
  return { received = info.received, sent = info.sent, queued = info.queued,
    buffered = info.buffered }
end

--- Whether it has been closed here, or by an error of a flowing connection.
function Connection:closed()
  check_self(self, "closed")
  return not self.connecting and (not state(self) or info.closing ~= 0)
end

--- The descriptor; nil when it is closed. It stays the connection's.
--- @return integer?
function Connection:fileno()
  check_self(self, "fileno")
  return state(self) and info.fd >= 0 and info.fd or nil
end

-- The address, or nil and a status.
local function own_address(self)
  local result = ffi.new("tl_address")
  if not state(self) or info.fd < 0 then return nil, BAD_FD end
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

--- The peer's address, such as "127.0.0.1:80".
--- @return string? address nil when it is not known any more
--- @return string? message
--- @return string? code "ENOTCONN", "EBADF" (closed); "ENOTSOCK": a pipe or a file
function Connection:peer()
  check_self(self, "peer")
  local found, status = peer_address(self)
  if found then return address.text(found) end
  if self.known_peer then return self.known_peer end
  return nil, words(status)
end

--- The own address.
--- @return string? address or nil, message, code as for peer
function Connection:sock()
  check_self(self, "sock")
  local found, status = own_address(self)
  if found then return address.text(found) end
  return nil, words(status)
end

--- LuaSocket's forms of the two.
--- @return string? ip
--- @return integer? port
function Connection:getpeername()
  check_self(self, "getpeername")
  local found = peer_address(self)
  if not found then return nil, "closed" end
  return address.host_port(found)
end

function Connection:getsockname()
  check_self(self, "getsockname")
  local found = own_address(self)
  if not found then return nil, "closed" end
  return address.host_port(found)
end

return object
