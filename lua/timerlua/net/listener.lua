-- Listeners: sockets that accept connections and hand each one to a handler.
local ffi = require "ffi"
local bit = bit
local core = require "timerlua.core.ffi"
local address = require "timerlua.net.address"
local anchors = require "timerlua.core.anchors"
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local connection = require "timerlua.net.connection.making"
local duration = require "timerlua.core.duration"
local endpoints = require "timerlua.net.endpoints"
local errors = require "timerlua.core.errors"
local headers = require "timerlua.core.headers"
local idle = require "timerlua.net.idle"
local kinds = require "timerlua.core.kinds"
local suggest = require "timerlua.core.suggest"
local options = require "timerlua.net.options"
local settings = require "timerlua.net.settings"
local socket_file = require "timerlua.net.socket_file"
local task = require "timerlua.task.task"
local timer = require "timerlua.loop.timer"

local C, loop = core.C, core.loop
local RETRY_AFTER = 0.1 -- seconds without accepting when resources are lacking
local MOST_BACKLOG = 2 ^ 31 - 1

local KERNEL = "reuseaddr reuseport v6only defer_accept " .. connection.kernel_options
local KNOWN = check.names("backlog max_connections idle_timeout error mode unlink", KERNEL,
  connection.own_options)
local DEFAULTS = { reuseaddr = true, nodelay = true }

--- @class timerlua.Listener
--- @since 0.1
--- @field kind string "listener"
--- @field port integer? the port that it listens on
--- @field connections integer open connections that the listener accepted
--- @field name string? yours to set; reports and lists show it
--- @field site string "file:line" where its handler was defined
local Listener = { kind = kinds[C.TL_LISTENER] }

local listener = {}

-- What the connections of a listener share: their numbers and limits. They must not keep
-- the listener alive, because its handler may refer to them.
local WEAK = { __mode = "v" }

local function new_count(self)
  return setmetatable({ listener = self, looked_at = 0, accepted = 0, open = 0, full = 0,
    idle = 0, too_long = 0, failed = 0 }, WEAK)
end

suggest.methods(Listener, "listener", { stop = "close", shutdown = "close" })

function Listener.__index(self, key)
  if key == "site" then return callable.site(self.site_of) end
  if key == "connections" then return self.count.open end
  return Listener[key]
end

function Listener.__tostring(self)
  return ("timerlua.Listener: %s"):format(self.address or "closed")
end

local check_self = check.self_of(Listener, "listener", "a listener")

-- ---------------------------------------------------------------------------
-- accepting

-- Reasons not to accept for the moment, as bits of self.held.
local BY_SCRIPT, BY_LIMIT, BY_LACK = 1, 2, 4

local accept_failed

local function hold(self, reason, on)
  if self.closed_here then return end
  self.held = on and bit.bor(self.held, reason) or bit.band(self.held, bit.bnot(reason))
  local status = C.tl_listener_pause(loop, self.slot, self.generation,
    self.held ~= 0 and 1 or 0)
  if status < 0 then accept_failed(self, status) end -- epoll_ctl(2): ENOSPC ...
end

local function below_limit(_, self)
  hold(self, BY_LIMIT, false)
end

local function accept_again(_, self)
  hold(self, BY_LACK, false)
end

local function tell(self, message, code)
  if self.on_error then return self.on_error(self, message, code) end
  errors.report(message, nil, self)
end

-- EMFILE and similar errors: the connections wait in the backlog, and accepting pauses.
-- Reported once until the next connection is accepted.
function accept_failed(self, status)
  self.count.failed = self.count.failed + 1
  hold(self, BY_LACK, true)
  local again = timer.after(RETRY_AFTER, accept_again, self)
  -- the program is to go on as if it still listened
  if again and self.unreferenced then again:unref() end
  if self.failing then return end
  self.failing = true
  local _, message, code = errors.failed("accept " .. self.address, status)
  tell(self, message, code)
end

local function tell_full(_, self)
  tell(self, ("accept %s: %d connections are open, others wait: see max_connections")
    :format(self.address, self.count.limit), "ELIMIT")
end

-- As many connections are open as may be. A limit that the script did not choose is
-- reported, once.
local function fill(self)
  self.count.full = self.count.full + 1
  hold(self, BY_LIMIT, true)
  if self.limited_here or self.told_full then return end
  self.told_full = timer.after(0, tell_full, self) ~= nil -- the handler goes first
end

local function take_in(self, slot, generation, flowing)
  self.failing = false
  local count = self.count
  local conn = connection.accepted(slot, generation, self.settings, count,
    self.site_of, flowing)
  if count.open == count.limit then fill(self) end
  if count.idle_timeout then idle.watch(count) end
  return conn
end

local function accept_task(self, slot, generation)
  if not slot then return accept_failed(self, generation) end
  local conn = take_in(self, slot, generation, false)
  task.become(conn, self.handler, self.settings.autoclose and conn.close)
  return self.handler(conn)
end

local function accept_flowing(self, slot, generation)
  if not slot then return accept_failed(self, generation) end
  connection.flow(take_in(self, slot, generation, true), self.callbacks)
end

-- ---------------------------------------------------------------------------
-- the object

--- Stop listening. Accepted connections live on; the file of a Unix socket is removed.
--- Harmless when repeated.
--- @return boolean closed true
function Listener:close()
  check_self(self, "close")
  if self.closed_here then return true end
  self.closed_here = true
  socket_file.remove(self)
  local status = C.tl_listener_close(loop, self.slot, self.generation)
  if status == 0 then anchors.clear(self.slot) end
  return true
end

--- Stop accepting; connections wait in the backlog meanwhile.
--- @return timerlua.Listener listener itself
function Listener:pause()
  check_self(self, "pause")
  hold(self, BY_SCRIPT, true)
  return self
end

--- Continue accepting after `pause`.
--- @return timerlua.Listener listener itself
function Listener:resume()
  check_self(self, "resume")
  hold(self, BY_SCRIPT, false)
  return self
end

--- Let the loop end although this listener is open.
--- @return timerlua.Listener listener itself
function Listener:unref()
  check_self(self, "unref")
  return settings.refer(self, C.tl_listener_ref, 0)
end

--- Keep the loop running while this listener is open, which is the default.
--- @return timerlua.Listener listener itself
function Listener:ref()
  check_self(self, "ref")
  return settings.refer(self, C.tl_listener_ref, 1)
end

--- @class timerlua.ListenerStats counters since it began to listen
--- @since 0.1
--- @field accepted number connections accepted
--- @field open number connections that are open now
--- @field full number how often `max_connections` was reached
--- @field idle number connections closed by `idle_timeout`
--- @field too_long number lines and matches that were longer than `receive_limit`
--- @field failed number attempts to accept that failed because resources had run out

--- Return what the listener has counted.
--- @return timerlua.ListenerStats stats a new table
function Listener:stats()
  check_self(self, "stats")
  local count = self.count
  return { accepted = count.accepted, open = count.open, full = count.full,
    idle = count.idle, too_long = count.too_long, failed = count.failed }
end

--- Return the address that it listens on, such as "127.0.0.1:4711".
--- @return string address
function Listener:sock()
  check_self(self, "sock")
  return self.address
end

--- Return the address that it listens on, in LuaSocket's form.
--- @return string? ip an address, or the text of a Unix socket's address
--- @return integer? port nil for a Unix socket
function Listener:getsockname()
  check_self(self, "getsockname")
  return self.ip, self.port
end

--- Return the descriptor, which still belongs to the listener.
--- @return integer? fd nil when the listener is closed
function Listener:fileno()
  check_self(self, "fileno")
  return not self.closed_here and self.fd or nil
end

-- ---------------------------------------------------------------------------
-- making

-- An option that is a whole number; nil when the option is not given.
local function whole(where, opts, name, least)
  local value = opts[name]
  if value ~= nil then return check.whole(where, "option " .. name, value, least) end
end

local soft, hard = ffi.new("double[1]"), ffi.new("double[1]")

-- Half of the descriptors that the process may have: the rest is for what the connections
-- are answered with, and for the script itself.
local function default_limit()
  if C.tl_limits_nofile(soft, hard) ~= 0 then return nil end
  return math.max(1, math.floor(soft[0] / 2))
end

local function set_limits(self, opts)
  local count = self.count
  local limit = whole("listen", opts, "max_connections", 1)
  self.limited_here = limit ~= nil
  count.limit = limit or default_limit()
  count.below_limit = below_limit
  if opts.idle_timeout ~= nil then
    count.idle_timeout = tonumber(duration.to_positive_ns("listen", "option idle_timeout",
      opts.idle_timeout)) / 1e9
  end
end

-- Close a socket that cannot listen; the file of a Unix socket is removed, too.
local function discard(self, fd)
  socket_file.remove(self)
  if not self.inherited then C.tl_descriptor_close(fd) end
end

local function open(self, candidate, kernel, subject)
  local fd = C.tl_socket_open(candidate, C.TL_SOCKET_STREAM)
  if fd < 0 then return errors.failed(subject, fd) end
  local is_unix = C.tl_address_family(candidate) == C.TL_UNIX
  local ok, message, code = options.apply(fd, kernel, not is_unix, subject)
  if ok then
    local status = socket_file.bind(fd, candidate, self.wanted_file, self.backlog)
    if status == 0 then socket_file.claim(self, candidate) end
    if status ~= 0 then ok, message, code = errors.failed(subject, status) end
  end
  if not ok then
    discard(self, fd)
    return nil, message, code
  end
  return fd
end

-- The first candidate that can be listened on.
local function open_any(self, candidates, kernel, subject)
  local fd, message, code
  for _, candidate in ipairs(candidates) do
    fd, message, code = open(self, candidate, kernel, subject)
    if fd then return fd end
  end
  return nil, message, code
end

local function start(self, fd, subject)
  local id = core.new_id()
  local own = ffi.new("tl_address")
  local status = C.tl_socket_name(fd, 0, own)
  if status == 0 then
    status = C.tl_listener_start(loop, id, fd, self.settings.flags + self.flags)
  end
  if status ~= 0 then
    discard(self, fd)
    return errors.failed(subject, status)
  end
  self.fd, self.slot, self.generation = fd, id.slot, id.generation
  self.count.slot, self.count.generation = id.slot, id.generation
  self.address = address.text(own)
  self.ip, self.port = address.host_port(own)
  local accept = self.callbacks and accept_flowing or accept_task
  anchors.set(self.slot, callable.stand_in(function(...) return accept(...) end,
    self.site_of), self)
  return self
end

--- @class timerlua.ListenOptions: timerlua.ConnectionOptions
--- @since 0.1
--- @field backlog? integer connections that may wait to be accepted, >= 0; default 4096,
---   listen(2)
--- @field reuseaddr? boolean SO_REUSEADDR, socket(7); default true
--- @field reuseport? boolean SO_REUSEPORT, socket(7)
--- @field v6only? boolean IPV6_V6ONLY, ipv6(7)
--- @field defer_accept? integer TCP_DEFER_ACCEPT, tcp(7); 1 to 32767 seconds
--- @field max_connections? integer >= 1: accepting pauses while this many are open; default
---   half of the descriptors that the process may have, RLIMIT_NOFILE of getrlimit(2)
--- @field idle_timeout? timerlua.Duration more than 0: a connection on which no byte moves,
---   in either direction, is closed after this time, or up to a quarter of it later;
---   default: never
--- @field mode? integer|string permissions of the file of a Unix socket, as chmod(1) has them:
---   0660 or "0660", whose digits are octal; default: those that the umask leaves
--- @field unlink? "stale" take over the file of a Unix socket that nobody listens on, as after
---   a crash
--- @field error? function fun(listener, message, code), called when accepting fails because
---   resources run out, and once when the default of max_connections is reached ("ELIMIT");
---   default: the failure is reported

--- Listen on an address, and hand each connection to `handler`.
--- @param addr timerlua.Address
--- @param handler function|timerlua.Callbacks fun(conn), run as a task for each connection,
---   which is closed when the handler returns; or callbacks
--- @param opts? timerlua.ListenOptions
--- @return timerlua.Listener? listener
--- @return string? message
--- @return string? code "EADDRINUSE", "EACCES", "EADDRNOTAVAIL" ... bind(2)
function listener.listen(addr, handler, opts)
  local endpoint, status = address.parse("listen", "address", addr)
  opts = check.options("listen", opts, KNOWN)
  local self = setmetatable({ handler = handler, held = 0, flags = 0 }, Listener)
  self.count = new_count(self)
  if type(handler) == "table" and not getmetatable(handler) then
    self.callbacks, self.flags = connection.callbacks("listen", handler)
    self.site_of = connection.first_callback(handler) or accept_flowing
  else
    callable.check("listen", "handler", handler, "a function or a table of callbacks")
    self.site_of = handler
  end
  if opts.error ~= nil then callable.check("listen", "option error", opts.error) end
  self.on_error = opts.error
  self.backlog = math.min(whole("listen", opts, "backlog", 0) or headers.SOMAXCONN, MOST_BACKLOG)
  set_limits(self, opts)
  self.settings = connection.settings("listen", opts, true)
  -- read once, and before anything is opened: it may raise
  local kernel = options.for_kernel("listen", opts, KERNEL, DEFAULTS)
  self.wanted_file = socket_file.settings("listen", addr, opts)
  local subject = "listen " .. addr
  if not endpoint then return errors.failed(subject, status) end
  local fd, message, code
  if endpoint.kind == endpoints.FD then
    self.inherited = true
    fd, message, code = endpoints.inherited("listen", endpoint, addr)
  else
    local candidates
    candidates, message, code = endpoints.addresses("listen", endpoint, addr)
    if candidates then fd, message, code = open_any(self, candidates, kernel, subject) end
  end
  if not fd then return nil, message, code end
  return start(self, fd, subject)
end

return listener
