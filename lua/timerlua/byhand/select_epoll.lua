-- select.epoll: epoll(7) as in Python's select module.
local check = require "timerlua.core.check"
local duration = require "timerlua.core.duration"
local epoll_set = require "timerlua.byhand.epoll_set"
local errors = require "timerlua.core.errors"
local fileno = require "timerlua.core.fileno"
local headers = require "timerlua.core.headers"
local misuse = require "timerlua.core.misuse"

local number_of = fileno.of
-- The default number of events of a poll, as in Python.
local MOST = 1023
-- The kernel reports the rest the next time.
local MOST_EVER = 65536

--- @class timerlua.select
local constants = {
  EPOLLIN = headers.EPOLLIN,
  EPOLLPRI = headers.EPOLLPRI,
  EPOLLOUT = headers.EPOLLOUT,
  EPOLLERR = headers.EPOLLERR,
  EPOLLHUP = headers.EPOLLHUP,
  EPOLLRDNORM = headers.EPOLLRDNORM,
  EPOLLRDBAND = headers.EPOLLRDBAND,
  EPOLLWRNORM = headers.EPOLLWRNORM,
  EPOLLWRBAND = headers.EPOLLWRBAND,
  EPOLLMSG = headers.EPOLLMSG,
  EPOLLRDHUP = headers.EPOLLRDHUP,
  EPOLLEXCLUSIVE = headers.EPOLLEXCLUSIVE,
  EPOLLWAKEUP = headers.EPOLLWAKEUP,
  EPOLLONESHOT = headers.EPOLLONESHOT,
  EPOLLET = headers.EPOLLET,
  EPOLL_CLOEXEC = headers.EPOLL_CLOEXEC,
}

local EVERYTHING = constants.EPOLLIN + constants.EPOLLOUT + constants.EPOLLPRI

--- @class timerlua.Epoll an epoll set of the script's own; epoll(7)
--- @since 0.1
--- @field closed boolean
local Epoll = {}
Epoll.__index = Epoll

local check_self = check.self_of(Epoll, "select.epoll", "an epoll object", "ep")

-- The set of an object, which must be open.
local function open_set(self, method)
  check_self(self, method)
  if self.closed then
    misuse.raise("select.epoll:" .. method, "the epoll object is closed")
  end
  return self.set
end

-- bit.bor gives EPOLLET a sign, which makes the sum 2^32 less.
local function check_mask(where, mask)
  if not check.is_whole(mask, -2 ^ 31, 2 ^ 32 - 1) then
    misuse.got(where, "mask must be made of EPOLL constants", mask)
  end
  return mask % 2 ^ 32
end

-- Prepared in advance: connections come and go often.
local WHERE = { register = "select.epoll:register", modify = "select.epoll:modify",
  unregister = "select.epoll:unregister" }

local function control(self, method, operation, fd, mask)
  local set = open_set(self, method)
  local where = WHERE[method]
  local number = number_of(where, "fd", fd)
  local status = set:control(operation, number, mask ~= nil and check_mask(where, mask) or 0)
  if status ~= 0 then
    return errors.failed(("epoll.%s fd %d"):format(method, number), status)
  end
  return true
end

--- Add a descriptor.
--- @param fd timerlua.Descriptor
--- @param mask? integer a sum of EPOLL constants; default EPOLLIN + EPOLLOUT + EPOLLPRI;
---   EPOLLERR and EPOLLHUP are always reported
--- @return true? done
--- @return string? message
--- @return string? code "EEXIST", "EBADF", "EPERM" (a regular file), "EINVAL",
---   "ELOOP", "ENOSPC", "ENOMEM"; epoll_ctl(2)
--- Raises when the object is closed.
function Epoll:register(fd, mask)
  if mask == nil then mask = EVERYTHING end
  return control(self, "register", "add", fd, mask)
end

--- Change the events of a descriptor, and enable a descriptor registered with EPOLLONESHOT
--- again.
--- @param fd timerlua.Descriptor
--- @param mask integer a sum of EPOLL constants
--- @return true? done
--- @return string? message
--- @return string? code "ENOENT", "EBADF", "EINVAL", "ENOMEM"
--- Raises when the object is closed.
function Epoll:modify(fd, mask)
  if mask == nil then
    misuse.got("select.epoll:modify", "mask must be made of EPOLL constants", mask)
  end
  return control(self, "modify", "modify", fd, mask)
end

--- Remove a descriptor. A descriptor whose last duplicate is closed is removed by itself.
--- @param fd timerlua.Descriptor
--- @return true? done
--- @return string? message
--- @return string? code "ENOENT", "EBADF"
--- Raises when the object is closed.
function Epoll:unregister(fd)
  return control(self, "unregister", "remove", fd)
end

local function delay_of(where, timeout)
  if timeout == nil or (type(timeout) == "number" and timeout < 0) then return nil end
  return duration.of(where, "timeout", timeout)
end

local function most_of(where, maxevents)
  if maxevents == nil or maxevents == -1 then return MOST end
  if not check.is_whole(maxevents, 1) then
    misuse.got(where, "maxevents must be an integer > 0, or -1", maxevents)
  end
  return math.min(maxevents, MOST_EVER)
end

--- Wait until descriptors are ready.
--- @param timeout number|string|ffi.cdata*|nil as a Duration, in seconds; 0: only check;
---   nil or negative: no end. Never ends early
--- @param maxevents? integer the largest number of events, >= 1; default, or -1: 1023
--- @return table[]? ready pairs {fd, event}; empty when the time is over
--- @return string? message
--- @return string? code "EBADF" (closed meanwhile by another task), "ELOOP" (sets nested
---   too deeply), "EMFILE", "ENOMEM"
--- Raises when the object is closed.
function Epoll:poll(timeout, maxevents)
  local set = open_set(self, "poll")
  local where = "select.epoll:poll"
  local batch, status = set:wait(where, most_of(where, maxevents), delay_of(where, timeout))
  if not batch then return errors.failed("epoll.poll", status) end
  local list, next_ready = {}, batch.next
  for i = 1, batch.count do
    local fd, event = next_ready(batch)
    list[i] = { fd, event }
  end
  next_ready(batch) -- the whole batch has been taken
  return list
end

--- Wait as poll does, for use in a loop: `for fd, event in ep:events() do`. This makes no
--- table for each event, so it is the fastest form. The loop is empty when the time is
--- over.
--- @param timeout number|string|ffi.cdata*|nil as for poll, in seconds
--- @param maxevents? integer as for poll
--- @return fun(batch: table): integer?, integer? next
--- @return table batch
--- Raises the errors that poll returns, too, because a loop has no other place for them.
function Epoll:events(timeout, maxevents)
  local set = open_set(self, "events")
  local where = "select.epoll:events"
  local batch, status = set:wait(where, most_of(where, maxevents), delay_of(where, timeout))
  if not batch then
    local _, message = errors.failed("waiting", status)
    misuse.raise(where, message)
  end
  return batch.next, batch
end

--- Return the set's own descriptor; it becomes readable when poll would return.
--- @return integer fd
--- Raises when the object is closed.
function Epoll:fileno()
  return open_set(self, "fileno").fd
end

--- Close the set's descriptor, not the registered ones. Harmless when repeated. A task that
--- polls is resumed, with "EBADF".
function Epoll:close()
  check_self(self, "close")
  self.closed = true
  self.set:close()
end

function Epoll:__tostring()
  return "timerlua.Epoll: " .. (self.closed and "closed" or "fd " .. self.set.fd)
end

local function object(set)
  return setmetatable({ set = set, closed = false }, Epoll)
end

local function check_new(sizehint, flags)
  if sizehint ~= nil and sizehint ~= -1 and not check.is_whole(sizehint, 1) then
    misuse.got("select.epoll", "sizehint must be an integer > 0, or -1", sizehint)
  end
  if flags ~= nil and flags ~= 0 and flags ~= constants.EPOLL_CLOEXEC then
    misuse.got("select.epoll", "flags must be 0 or EPOLL_CLOEXEC", flags)
  end
end

local epoll = { constants = constants }

--- Make an epoll object. Its descriptor is close-on-exec.
--- @param sizehint? integer > 0 or -1; without effect
--- @param flags? integer 0 or EPOLL_CLOEXEC; without effect
--- @return timerlua.Epoll? ep
--- @return string? message
--- @return string? code "EMFILE", "ENFILE", "ENOMEM"
function epoll.new(sizehint, flags)
  check_new(sizehint, flags)
  local set, status = epoll_set.new()
  if not set then return errors.failed("epoll", status) end
  return object(set)
end

--- Make an epoll object for an existing epoll descriptor, which is closed with the object.
--- @param fd timerlua.Descriptor
--- @return timerlua.Epoll? ep
--- @return string? message
--- @return string? code "EBADF", "EINVAL" (not an epoll descriptor), "EMFILE", "ENFILE",
---   "ENOMEM"
function epoll.fromfd(fd)
  local number = number_of("select.epoll.fromfd", "fd", fd)
  fileno.check_own("select.epoll.fromfd", number)
  local set, status = epoll_set.of(number)
  if not set then return errors.failed("epoll.fromfd fd " .. number, status) end
  return object(set)
end

return epoll
