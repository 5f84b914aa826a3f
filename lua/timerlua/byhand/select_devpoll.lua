-- select.devpoll: the object of Solaris's /dev/poll as in Python's select module. poll(2)
-- decides what is ready; an epoll set with the same descriptors tells a task when to ask,
-- and provides the object's own descriptor.
local bit = bit
local core = require "timerlua.core.ffi"
local check = require "timerlua.core.check"
local duration = require "timerlua.core.duration"
local entries = require "timerlua.core.entries"
local epoll = require "timerlua.byhand.select_epoll"
local epoll_set = require "timerlua.byhand.epoll_set"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local fileno = require "timerlua.core.fileno"
local misuse = require "timerlua.core.misuse"
local poll = require "timerlua.byhand.select_poll"
local readiness = require "timerlua.byhand.readiness"
local wait = require "timerlua.task.wait"

local C, loop, to_ns = core.C, core.loop, readiness.to_ns
local EPERM, ENOENT, EBADF, EEXIST = errno.EPERM, errno.ENOENT, errno.EBADF, errno.EEXIST
local MONOTONIC = C.TL_MONOTONIC
local MOST_MS = 2 ^ 31 - 1
local READABLE = epoll.constants.EPOLLIN

--- @class timerlua.Devpoll the object of Solaris's /dev/poll
--- @since 0.1
--- @field closed boolean
--- @field package list timerlua.Poll the registered descriptors
--- @field package masks table<integer, integer>
--- @field package set timerlua.EpollSet contains nothing but `inner`
--- @field package inner timerlua.EpollSet contains the registered descriptors, except
---   files. It is replaced when it reports a descriptor that can no longer be named: a
---   descriptor that was closed while a duplicate of it lives, epoll(7)
local Devpoll = {}
Devpoll.__index = Devpoll

local check_self = check.self_of(Devpoll, "select.devpoll", "a devpoll object", "dp")

local function open_set(self, method)
  check_self(self, method)
  if self.closed then
    misuse.raise("select.devpoll:" .. method, "the devpoll object is closed")
  end
  return self.set
end

local function mask_of(where, eventmask)
  if eventmask == nil then return poll.everything end
  return poll.check_mask(where, "eventmask", eventmask)
end

local function put(self, fd, mask)
  self.masks[fd] = mask
  self.list:register(fd, mask)
end

local function drop(self, fd)
  if not self.masks[fd] then return end
  self.masks[fd] = nil
  self.list:unregister(fd)
end

-- For poll(2) a file is always ready: a waiting task has to ask.
local function add(self, fd, mask)
  drop(self, fd)
  local status = self.inner:control("add", fd, mask)
  if status == EEXIST then status = self.inner:control("modify", fd, mask) end
  if status == EPERM then
    self.set:wake()
    status = 0
  end
  if status == 0 then put(self, fd, mask) end
  return status
end

-- ENOENT: a file; or the number was closed, and the registered descriptor is a new one.
local function add_to(self, fd, mask)
  local before = self.masks[fd]
  if not before then return add(self, fd, mask) end
  local both = bit.bor(before, mask)
  local status = self.inner:control("modify", fd, both)
  if status == ENOENT then return add(self, fd, mask) end
  if status == EPERM then return add(self, fd, both) end
  if status == 0 then put(self, fd, both) end
  return status
end

local function renew(self)
  local inner, status = epoll_set.new()
  if not inner then return status end
  status = self.set:control("add", inner.fd, READABLE)
  if status ~= 0 then
    inner:close()
    return status
  end
  self.set:control("remove", self.inner.fd, 0)
  self.inner:close()
  self.inner = inner
  for fd, mask in entries(self.masks) do inner:control("add", fd, mask) end
  return 0
end

local function result(method, fd, status)
  if status ~= 0 then
    return errors.failed(("devpoll.%s fd %d"):format(method, fd), status)
  end
  return true
end

--- Add a descriptor; if it is already registered, add these events to its others, as
--- Solaris does.
--- @param fd timerlua.Descriptor
--- @param eventmask? integer a sum of POLL constants, 0 to 65535; default POLLIN + POLLPRI +
---   POLLOUT; POLLERR and POLLHUP are always reported
--- @return true? done
--- @return string? message
--- @return string? code "EBADF", "EINVAL", "ELOOP", "ENOSPC", "ENOMEM"
--- Raises when the object is closed.
function Devpoll:register(fd, eventmask)
  open_set(self, "register")
  local where = "select.devpoll:register"
  local number = fileno.of(where, "fd", fd)
  local mask = mask_of(where, eventmask)
  return result("register", number, add_to(self, number, mask))
end

--- Replace a registration: wait for these events and no others.
--- @param fd timerlua.Descriptor
--- @param eventmask? integer as for register
--- @return true? done
--- @return string? message
--- @return string? code as for register
--- Raises when the object is closed.
function Devpoll:modify(fd, eventmask)
  open_set(self, "modify")
  local where = "select.devpoll:modify"
  local number = fileno.of(where, "fd", fd)
  local mask = mask_of(where, eventmask)
  self.inner:control("remove", number, 0)
  return result("modify", number, add(self, number, mask))
end

--- Remove a descriptor; if it is not registered, do nothing.
--- @param fd timerlua.Descriptor
--- @return true done
--- Raises when the object is closed.
function Devpoll:unregister(fd)
  open_set(self, "unregister")
  local number = fileno.of("select.devpoll:unregister", "fd", fd)
  self.inner:control("remove", number, 0)
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

-- In a task, the set says when to ask. Another task may have taken the event; after a
-- second report in vain, the set is replaced.
local function wait_in(self, where, delay)
  local start_ns = delay and C.tl_now_ns(loop, MONOTONIC)
  local left, vain = delay, 0
  repeat
    local news, status = self.set:wait(where, 1, left)
    if self.closed then return nil, EBADF end
    if not news then return nil, status end
    vain = news.count > 0 and vain + 1 or vain
    repeat until not news.next()
    local list
    list, status = poll.wait(self.list, where, 0)
    if self.closed then return nil, EBADF end
    if not list or #list > 0 then return list, status end
    if vain > 1 then
      status, vain = renew(self), 0
      if status ~= 0 then return nil, status end
    end
    if delay then left = to_ns(delay) - (C.tl_now_ns(loop, MONOTONIC) - start_ns) end
  until left and left <= 0
  return {}
end

local function ready_list(self, where, delay)
  if not wait.can_suspend() then return poll.wait(self.list, where, delay) end
  local list, status = poll.wait(self.list, where, 0)
  if self.closed then return nil, EBADF end
  if not list or #list > 0 or delay == 0 then return list, status end
  return wait_in(self, where, delay)
end

--- Wait until descriptors are ready.
--- @param timeout number|string|ffi.cdata*|nil milliseconds, 0 to 2147483647; or "250ms" or
---   int64 nanoseconds; 0: only check; nil or -1: no end. Never ends early
--- @return table[]? ready pairs {fd, event} in the order of registration, POLLNVAL
---   for a descriptor that is not open; empty when the time is over
--- @return string? message
--- @return string? code "EBADF" (closed meanwhile by another task), "EMFILE", "ENOMEM"
--- Raises when the object is closed.
function Devpoll:poll(timeout)
  open_set(self, "poll")
  local where = "select.devpoll:poll"
  local list, status = ready_list(self, where, delay_of(where, timeout))
  if not list then return errors.failed("devpoll.poll", status) end
  return list
end

--- Return the object's own descriptor; it becomes readable when poll would return, except
--- for files.
--- @return integer fd
--- Raises when the object is closed.
function Devpoll:fileno()
  return open_set(self, "fileno").fd
end

--- Close the object's descriptor, not the registered ones. Harmless when repeated. A task
--- that polls is resumed, with "EBADF".
function Devpoll:close()
  check_self(self, "close")
  self.closed = true
  self.inner:close()
  self.set:close()
end

function Devpoll:__tostring()
  return "timerlua.Devpoll: " .. (self.closed and "closed" or "fd " .. self.set.fd)
end

local devpoll = {}

--- Make a devpoll object. Its descriptor is close-on-exec.
--- @return timerlua.Devpoll? dp
--- @return string? message
--- @return string? code "EMFILE", "ENFILE", "ENOMEM"
function devpoll.new()
  local set, status = epoll_set.new()
  if not set then return errors.failed("devpoll", status) end
  local inner
  inner, status = epoll_set.new()
  if inner then status = set:control("add", inner.fd, READABLE) end
  if status and status ~= 0 then
    if inner then inner:close() end
    set:close()
    return errors.failed("devpoll", status)
  end
  return setmetatable({ set = set, inner = inner, closed = false, masks = {},
    list = poll.new() }, Devpoll)
end

return devpoll
