-- select.poll: poll(2) as in Python's select module.
local check = require "timerlua.core.check"
local duration = require "timerlua.core.duration"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local ffi = require "ffi"
local fileno = require "timerlua.core.fileno"
local headers = require "timerlua.core.headers"
local misuse = require "timerlua.core.misuse"
local poll_wait = require "timerlua.byhand.poll_wait"

local number_of = fileno.of
local ENOENT = errno.ENOENT
local MOST_MASK = 0xffff -- of a short of C
local FIRST_SIZE = 8
local BYTES = ffi.sizeof("tl_poll_fd")

--- @class timerlua.select
local constants = {
  POLLIN = headers.POLLIN,
  POLLPRI = headers.POLLPRI,
  POLLOUT = headers.POLLOUT,
  POLLERR = headers.POLLERR,
  POLLHUP = headers.POLLHUP,
  POLLNVAL = headers.POLLNVAL,
  POLLRDNORM = headers.POLLRDNORM,
  POLLRDBAND = headers.POLLRDBAND,
  POLLWRNORM = headers.POLLWRNORM,
  POLLWRBAND = headers.POLLWRBAND,
  POLLMSG = headers.POLLMSG,
  POLLRDHUP = headers.POLLRDHUP,
}

local EVERYTHING = constants.POLLIN + constants.POLLPRI + constants.POLLOUT

--- @class timerlua.Poll descriptors to be polled, in the order of registration; poll(2)
--- @since 0.1
local Poll = {}
Poll.__index = Poll

-- What the objects have: fds, whose fd is -1 when it was unregistered; size, the room in
-- fds; count, how many are in use; holes, how many of those were unregistered; index,
-- where in fds a descriptor is. The core is given fds, so no script can write here.
local lists = setmetatable({}, { __mode = "k" })

local check_self = check.self_of(Poll, "select.poll", "a poll object", "p")

-- Raise unless the mask is made of the constants; `what` names the parameter.
local function check_mask(where, what, mask)
  if check.is_whole(mask, 0, MOST_MASK) then return mask end
  misuse.got(where, what .. " must be made of POLL constants, 0 to 65535", mask)
end

-- Copy into a new array without the holes, because a poll may be reading the old array.
local function resize(list)
  local old, live = list.fds, list.count - list.holes
  list.size = math.max(FIRST_SIZE, 2 * live)
  local fds, count = poll_wait.array(list.size), 0
  for i = 0, list.count - 1 do
    local fd = old[i].fd
    if fd >= 0 then
      ffi.copy(fds + count, old + i, BYTES)
      list.index[fd] = count
      count = count + 1
    end
  end
  list.fds, list.count, list.holes = fds, count, 0
end

--- Add a descriptor, or change the mask of a registered one.
--- @param fd timerlua.Descriptor need not be open
--- @param mask? integer a sum of POLL constants, 0 to 65535; default POLLIN + POLLPRI + POLLOUT
function Poll:register(fd, mask)
  check_self(self, "register")
  local number = number_of("select.poll:register", "fd", fd)
  local events = mask == nil and EVERYTHING
    or check_mask("select.poll:register", "mask", mask)
  local list = lists[self]
  local at = list.index[number]
  if not at then
    if list.count == list.size then resize(list) end
    at = list.count
    list.count = at + 1
    list.index[number] = at
    list.fds[at].fd = number
  end
  list.fds[at].events = events
end

--- Change the mask of a registered descriptor.
--- @param fd timerlua.Descriptor
--- @param mask integer a sum of POLL constants, 0 to 65535
--- @return true? done
--- @return string? message
--- @return string? code "ENOENT": the descriptor is not registered
function Poll:modify(fd, mask)
  check_self(self, "modify")
  local number = number_of("select.poll:modify", "fd", fd)
  local events = check_mask("select.poll:modify", "mask", mask)
  local list = lists[self]
  local at = list.index[number]
  if not at then return errors.failed("poll.modify fd " .. number, ENOENT) end
  list.fds[at].events = events
  return true
end

--- Remove a descriptor.
--- @param fd timerlua.Descriptor
--- Raises when the descriptor is not registered.
function Poll:unregister(fd)
  check_self(self, "unregister")
  local number = number_of("select.poll:unregister", "fd", fd)
  local list = lists[self]
  local at = list.index[number]
  if not at then
    misuse.got("select.poll:unregister", "fd must be registered", number)
  end
  list.index[number] = nil
  list.fds[at].fd = -1
  list.holes = list.holes + 1
  if list.holes > FIRST_SIZE and 2 * list.holes > list.count then resize(list) end
end

-- Python's milliseconds, rounded up as in Python.
local function delay_of(where, timeout)
  if timeout == nil then return nil end
  if type(timeout) == "number" then
    if timeout < 0 then return nil end
    timeout = math.ceil(timeout)
  end
  return duration.of_ms(where, "timeout", timeout)
end

local function list_of(fds, count, found)
  local list, length = {}, 0
  for i = 0, count - 1 do
    if length == found then break end
    local events = fds[i].revents
    if events ~= 0 then
      length = length + 1
      list[length] = { fds[i].fd, events % 0x10000 }
    end
  end
  return list
end

-- The list of the ready descriptors, or nil and a negative errno.
local function wait(self, where, delay)
  poll_wait.turn(where)
  local list = lists[self]
  local count = list.count
  local found, fds = poll_wait.wait(where, list.fds, count, delay)
  if found < 0 then return nil, found end
  return list_of(fds, count, found)
end

--- Wait until descriptors are ready.
--- @param timeout number|string|ffi.cdata*|nil milliseconds, rounded up to whole ones; or
---   "250ms" or int64 nanoseconds; 0: only check; nil or negative: no end
--- @return table[]? ready pairs {fd, event} in the order of registration, POLLNVAL
---   for a descriptor that is not open; empty when the time is over
--- @return string? message
--- @return string? code "EMFILE" (in a task, a wait needs a descriptor),
---   "ENOMEM", "ENOSPC", "ELOOP", "EINVAL" (more than RLIMIT_NOFILE)
function Poll:poll(timeout)
  check_self(self, "poll")
  local where = "select.poll:poll"
  local list, status = wait(self, where, delay_of(where, timeout))
  if not list then return errors.failed("poll", status) end
  return list
end

function Poll:__tostring()
  local list = lists[self]
  return ("timerlua.Poll: %d registered"):format(list.count - list.holes)
end

local poll = { constants = constants, everything = EVERYTHING, check_mask = check_mask,
  wait = wait }

--- Make a poll object with no registered descriptors.
--- @return timerlua.Poll p
function poll.new()
  local self = setmetatable({}, Poll)
  lists[self] = { fds = poll_wait.array(FIRST_SIZE), size = FIRST_SIZE, count = 0, holes = 0,
    index = {} }
  return self
end

return poll
