-- Options of sockets, with names like those of setsockopt(2): where each is allowed, and
-- how it is passed to the kernel.
local core = require "timerlua.core.ffi"
local check = require "timerlua.core.check"
local duration = require "timerlua.core.duration"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local misuse = require "timerlua.core.misuse"

local C = core.C

--- @class timerlua.ConnectionOptions
--- @since 0.1
--- @field nodelay? boolean TCP_NODELAY, tcp(7); default true
--- @field cork? boolean TCP_CORK, tcp(7)
--- @field keepalive? boolean|integer SO_KEEPALIVE, socket(7); a number is TCP_KEEPIDLE, 1 to
---   32767 seconds
--- @field linger? integer|false SO_LINGER, socket(7); 0 to 32767 seconds
--- @field sndbuf? integer SO_SNDBUF, socket(7); 1 to 2^30 bytes
--- @field rcvbuf? integer SO_RCVBUF, socket(7); 1 to 2^30 bytes
--- @field ttl? integer hops, 1 to 255: IP_TTL, ip(7), or IPV6_UNICAST_HOPS, ipv6(7)
--- @field edge? boolean EPOLLET, epoll(7)
--- @field timeout? timerlua.Duration how long receive and send may wait; default: no limit
--- @field high? number bytes: while more than this is queued, `send` waits in a task;
---   default 256 KiB
--- @field low? number bytes: the wait ends when no more than this is queued; default a
---   quarter of `high`
--- @field limit? number bytes: a longer queue is refused, "ENOBUFS"; default 256 MiB
--- @field receive_limit? number the longest line or match in bytes, with its end and the bytes
---   before it; default 16 MiB, and 64 KiB for connections that a listener accepted
--- @field close_timeout? timerlua.Duration how long `close` keeps sending; default 30 s
--- @field linger_input? timerlua.Duration how long `close`, when all is sent, goes on to receive
---   and drop what the peer sends until it ends, so that no reset overtakes what was sent;
---   default 5 s; 0: not at all
--- @field linger_limit? number bytes that `close` drops at most; default 16 MiB
--- @field autoclose? boolean close the connection when its handler returns; default true

--- @class timerlua.Callbacks a connection's callbacks, in place of a handler; all may wait
--- @since 0.1
--- @field open? fun(conn: timerlua.Connection) the connection is made
--- @field data? fun(conn: timerlua.Connection, bytes: string) bytes have been received
--- @field drain? fun(conn: timerlua.Connection) the queue was above `high` and is down to `low`
--- @field eof? fun(conn: timerlua.Connection) the peer has ended; without this callback,
---   the connection is then closed, once all bytes are sent
--- @field error? fun(conn: timerlua.Connection, message: string, code: string) the
---   connection broke, or could not be made
--- @field close? fun(conn: timerlua.Connection, message: string?, code: string?) the
---   connection is over: called once, last; without a message if it ended in good order

local options = {}

local function boolean(where, name, value)
  return check.boolean(where, "option " .. name, value) and 1 or 0
end

local function whole(least, most)
  return function(where, name, value)
    return check.whole(where, "option " .. name, value, least, most)
  end
end

local bytes, hops, seconds = whole(1, 2 ^ 30), whole(1, 255), whole(1, 32767)
local whole_or_zero = whole(0, 32767)

local DEFAULT_IDLE = 7200 -- seconds, tcp(7)

local function keepalive(where, name, value)
  if type(value) == "number" then return seconds(where, name, value) end
  return boolean(where, name, value) * DEFAULT_IDLE
end

local LINGER_OFF = C.TL_LINGER_OFF

local function linger(where, name, value)
  if value == false then return LINGER_OFF end
  return whole_or_zero(where, name, value)
end

-- The core's name of each option, and the check of its value.
local KERNEL = {
  nodelay = { C.TL_OPTION_NODELAY, boolean },
  cork = { C.TL_OPTION_CORK, boolean },
  keepalive = { C.TL_OPTION_KEEPALIVE, keepalive },
  linger = { C.TL_OPTION_LINGER, linger },
  sndbuf = { C.TL_OPTION_SNDBUF, bytes },
  rcvbuf = { C.TL_OPTION_RCVBUF, bytes },
  ttl = { C.TL_OPTION_TTL, hops },
  defer_accept = { C.TL_OPTION_DEFER_ACCEPT, seconds },
  reuseaddr = { C.TL_OPTION_REUSEADDR, boolean },
  reuseport = { C.TL_OPTION_REUSEPORT, boolean },
  v6only = { C.TL_OPTION_V6ONLY, boolean },
  broadcast = { C.TL_OPTION_BROADCAST, boolean },
  multicast_ttl = { C.TL_OPTION_MULTICAST_TTL, whole(0, 255) },
  multicast_loop = { C.TL_OPTION_MULTICAST_LOOP, boolean },
}

-- Options of TCP that other stream sockets do not have.
local TCP_ONLY = { nodelay = true, cork = true, keepalive = true, defer_accept = true }

--- The options in `opts` that are for the kernel, checked: a list of { name, option, value
--- }.
--- @param allowed string names
--- @param defaults? table
function options.for_kernel(where, opts, allowed, defaults)
  local list = {}
  for name in allowed:gmatch("%S+") do
    local value = opts[name]
    if value == nil and defaults then value = defaults[name] end
    if value ~= nil then
      local option, checked = KERNEL[name][1], KERNEL[name][2]
      list[#list + 1] = { name, option, checked(where, name, value) }
    end
  end
  return list
end

--- Set options on a descriptor; options of TCP are skipped on other sockets.
--- @return boolean|nil done
--- @return string? message
--- @return string? code
function options.apply(fd, list, is_tcp, subject)
  for _, entry in ipairs(list) do
    if is_tcp or not TCP_ONLY[entry[1]] then
      local status = C.tl_socket_set(fd, entry[2], entry[3])
      if status < 0 then
        return errors.failed(("%s: option %s"):format(subject, entry[1]), status)
      end
    end
  end
  return true
end

local function kernel_option(where, name)
  local entry = KERNEL[name]
  if not entry then misuse.got(where, "option must be the name of a socket option", name) end
  return entry
end

--- Set an option, checked.
--- @param fd? integer nil: the socket is closed
--- @return integer status 0 or a negative errno
function options.set(where, fd, name, value)
  if not fd then return errno.EBADF end
  local entry = kernel_option(where, name)
  return C.tl_socket_set(fd, entry[1], entry[2](where, name, value))
end

--- Read an option, in the form that setoption takes; or nil, status.
--- @param fd? integer nil: the socket is closed
function options.get(where, fd, name)
  if not fd then return nil, errno.EBADF end
  local entry = kernel_option(where, name)
  local value = C.tl_socket_get(fd, entry[1])
  if name == "linger" then
    if value == LINGER_OFF then return false end
  elseif name == "keepalive" then
    if value == 0 then return false end
  end
  if value < 0 then return nil, value end
  if entry[2] == boolean then return value ~= 0 end
  return value
end

--- Raise unless an option of our own is a whole number of bytes.
function options.bytes(where, opts, name, default)
  local value = opts[name]
  if value == nil then return default end
  if type(value) ~= "number" or value ~= value or value < 0 or value > 2 ^ 48 then
    misuse.got(where, ("option %s must be a number of bytes >= 0"):format(name), value)
  end
  return math.floor(value)
end

--- An option of our own that is a duration, in seconds; nil when it is not given.
function options.seconds(where, opts, name)
  if opts[name] == nil then return nil end
  return duration.to_seconds(where, "option " .. name, opts[name])
end

--- An option of our own that is true or false.
function options.flag(where, opts, name, default)
  local value = opts[name]
  if value == nil then return default end
  return check.boolean(where, "option " .. name, value)
end

return options
