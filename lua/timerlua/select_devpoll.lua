-- select.devpoll: the object of Solaris's /dev/poll as Python's select module
-- has it, on epoll(7).
local bit = require "bit"
local core = require "timerlua.ffi"
local duration = require "timerlua.duration"
local epoll_set = require "timerlua.epoll_set"
local errors = require "timerlua.errors"
local fileno = require "timerlua.fileno"
local misuse = require "timerlua.misuse"

local C = core.C
local EPERM, ENOENT, EEXIST = -1, -2, -17
local MOST_EVER = 65536 -- of one poll; the kernel gives the rest the next time
local MOST_MASK, MOST_MS = 0xffff, 2 ^ 31 - 1

-- poll.h; the masks of poll and epoll are the same.
local IN, PRI, OUT, NVAL, RDNORM, WRNORM = 0x001, 0x002, 0x004, 0x020, 0x040, 0x100
local EVERYTHING = IN + PRI + OUT
-- What files, which epoll does not take, are always ready for.
local OF_FILES = IN + OUT + RDNORM + WRNORM

--- @class timerlua.Devpoll
--- @field closed boolean
local Devpoll = {}
Devpoll.__index = Devpoll

local function open_set(self, method)
  if getmetatable(self) ~= Devpoll then
    misuse.got("select.devpoll:" .. method,
      ("it must be called on a devpoll object, as dp:%s()"):format(method), self)
  end
  if self.closed then
    misuse.raise("select.devpoll:" .. method, "the devpoll object is closed")
  end
  return self.set
end

local function check_mask(where, mask)
  if type(mask) ~= "number" or mask % 1 ~= 0 or mask < 0 or mask > MOST_MASK then
    misuse.got(where, "eventmask must be made of POLL constants, 0 to 65535", mask)
  end
  return mask
end

local function put(self, fd, mask)
  self.count = self.count + (self.masks[fd] and 0 or 1)
  self.masks[fd] = mask
end

local function drop(self, fd)
  self.count = self.count - (self.masks[fd] and 1 or 0)
  self.masks[fd], self.files[fd] = nil, nil
end

local function add(self, fd, mask)
  drop(self, fd)
  local status = self.set:control("add", fd, mask)
  if status == EEXIST then -- put in through fileno(), or by another object
    status = self.set:control("modify", fd, mask)
  end
  if status == EPERM then
    self.files[fd] = mask
    status = 0
  end
  if status == 0 then put(self, fd, mask) end
  return status
end

-- ENOENT: the number was closed, and what is registered now is another one.
local function add_to(self, fd, mask)
  local before = self.masks[fd]
  if not before then return add(self, fd, mask) end
  local both = bit.bor(before, mask)
  if self.files[fd] then return add(self, fd, both) end
  local status = self.set:control("modify", fd, both)
  if status == ENOENT then return add(self, fd, mask) end
  if status == 0 then put(self, fd, both) end
  return status
end

local function result(method, fd, status)
  if status ~= 0 then
    return errors.failed(("devpoll.%s fd %d"):format(method, fd), status)
  end
  return true
end

--- Wait for a descriptor, too; for one that is registered already, for these
--- events besides the others, as Solaris does.
--- @param fd integer|table|file* a descriptor, an io file, or an object with
---   fileno()
--- @param eventmask? integer POLLIN + POLLPRI + POLLOUT unless given; POLLERR
---   and POLLHUP are always reported
--- @return true? done
--- @return string? message
--- @return string? code "EBADF", "EINVAL", "ELOOP", "ENOSPC", "ENOMEM"
--- Raises when the object is closed, or fd or eventmask are none.
function Devpoll:register(fd, eventmask)
  open_set(self, "register")
  local where = "select.devpoll:register"
  local number = fileno.of(where, "fd", fd)
  local mask = eventmask == nil and EVERYTHING or check_mask(where, eventmask)
  return result("register", number, add_to(self, number, mask))
end

--- Unregister, then register: wait for these events and no others.
--- @param fd integer|table|file*
--- @param eventmask? integer as for register
--- @return true? done
--- @return string? message
--- @return string? code as for register
function Devpoll:modify(fd, eventmask)
  local set = open_set(self, "modify")
  local where = "select.devpoll:modify"
  local number = fileno.of(where, "fd", fd)
  local mask = eventmask == nil and EVERYTHING or check_mask(where, eventmask)
  set:control("remove", number, 0)
  return result("modify", number, add(self, number, mask))
end

--- Wait for a descriptor no more; for one that was not registered, nothing
--- happens.
--- @param fd integer|table|file*
--- @return true done
function Devpoll:unregister(fd)
  local set = open_set(self, "unregister")
  local number = fileno.of("select.devpoll:unregister", "fd", fd)
  set:control("remove", number, 0)
  drop(self, number)
  return true
end

local function delay_of(where, timeout)
  if timeout == nil then return nil end
  if type(timeout) == "number" then
    if timeout == -1 then return nil end
    if not (timeout >= 0 and timeout <= MOST_MS) then
      misuse.got(where, "timeout must be milliseconds, 0 to 2147483647, or -1 or nil", timeout)
    end
  end
  return duration.of_ms(where, "timeout", timeout)
end

local function is_open(fd)
  local duplicate = C.tl_descriptor_duplicate(fd)
  if duplicate >= 0 then C.tl_socket_close(duplicate) end
  return duplicate >= 0
end

local function ready_files(self)
  local list = {}
  for fd, mask in pairs(self.files) do
    local event = is_open(fd) and bit.band(mask, OF_FILES) or NVAL
    if event ~= 0 then list[#list + 1] = { fd, event } end
  end
  return list
end

--- Wait until descriptors are ready.
--- @param timeout? number|string|ffi.cdata* milliseconds, 0 to 2147483647; or "250ms"
---   or int64 nanoseconds; 0: only look; nil or -1: no end. Never over too early
--- @return table[]? ready pairs {fd, event}; empty when the time is over
--- @return string? message
--- @return string? code "EBADF" (closed meanwhile by another task), "EMFILE",
---   "ENOMEM"
--- Raises when the object is closed, or timeout is none of these.
function Devpoll:poll(timeout)
  local set = open_set(self, "poll")
  local where = "select.devpoll:poll"
  local delay = delay_of(where, timeout)
  local list = ready_files(self)
  if #list > 0 then delay = 0 end
  local most = math.min(math.max(self.count, 1), MOST_EVER)
  local batch, status = set:wait(where, most, delay)
  if not batch then return errors.failed("devpoll.poll", status) end
  for fd, event in batch.next, batch do list[#list + 1] = { fd, event } end
  return list
end

--- The object's own descriptor; it becomes readable when poll would return, but
--- not for files.
--- @return integer fd
function Devpoll:fileno()
  return open_set(self, "fileno").fd
end

--- Close the object's descriptor, not those that are registered. Harmless when
--- repeated. A task that polls is resumed, with "EBADF".
function Devpoll:close()
  if getmetatable(self) ~= Devpoll then open_set(self, "close") end -- raises
  self.closed = true
  self.set:close()
end

local devpoll = {}

--- A new devpoll object. Its descriptor is close-on-exec.
--- @return timerlua.Devpoll? dp
--- @return string? message
--- @return string? code "EMFILE", "ENFILE", "ENOMEM"
function devpoll.new()
  local set, status = epoll_set.new()
  if not set then return errors.failed("devpoll", status) end
  return setmetatable({ set = set, closed = false, masks = {}, files = {}, count = 0 }, Devpoll)
end

return devpoll
