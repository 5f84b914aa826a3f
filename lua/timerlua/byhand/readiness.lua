-- Waiting for a script's own descriptor: in a task the loop goes on, elsewhere the thread
-- blocks. Descriptors that are waited for repeatedly keep a place, so that a wait costs no
-- epoll_ctl(2).
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local entries = require "timerlua.core.entries"
local errno = require "timerlua.core.errno"
local interpreted = require "timerlua.core.interpreted"
local wait = require "timerlua.task.wait"

local C, loop = core.C, core.loop
local READ, WRITE = C.TL_READ, C.TL_WRITE
local INTEREST = { r = READ, w = WRITE, rw = READ + WRITE }
local EINTR, EBUSY, EEXIST = errno.EINTR, errno.EBUSY, errno.EEXIST

local new_timeout = ffi.typeof("int64_t[1]")

local readiness = {}

--- A delay in nanoseconds.
--- @param delay number|ffi.cdata* seconds or int64 nanoseconds
function readiness.to_ns(delay)
  return type(delay) == "number" and C.tl_seconds_to_ns(math.min(delay, core.max_seconds))
    or delay
end

local to_ns = readiness.to_ns

--- @class timerlua.Place where tasks wait for one descriptor
--- @field fd integer
--- @field beside table<timerlua.Place, true>? places of duplicates that tasks wait for
local Place = {}
Place.__index = Place

local function open(fd)
  local self = setmetatable({ fd = fd, id = core.new_id() }, Place)
  local status = C.tl_readiness_open(loop, self.id, fd)
  if status ~= 0 then return nil, status end
  return self
end

--- Call before the descriptor is closed; waiting tasks are resumed.
function Place:close()
  for place in entries(self.beside or {}) do place:close() end
  C.tl_readiness_close(loop, self.id.slot, self.id.generation)
end

local function suspend(place, where, interest, delay)
  local waiter = wait.begin(where, delay)
  local own = place.id
  local status = C.tl_readiness_await(loop, own.slot, own.generation, interest, waiter.slot,
    waiter.generation)
  if status ~= 0 then
    wait.abandon(waiter)
    return status
  end
  wait.suspend(waiter)
  return 0
end

-- Something else in this loop watches the descriptor, so wait for a duplicate: to epoll(7)
-- a duplicate is another descriptor.
local function suspend_beside(self, where, interest, delay)
  local duplicate = C.tl_descriptor_duplicate(self.fd)
  if duplicate < 0 then return duplicate end
  local place, status = open(duplicate)
  if place then
    self.beside = self.beside or {}
    self.beside[place] = true
    local ok, result = pcall(suspend, place, where, interest, delay)
    self.beside[place] = nil
    place:close()
    C.tl_descriptor_close(duplicate)
    if not ok then error(result, 0) end
    return result
  end
  C.tl_descriptor_close(duplicate)
  return status
end

--- Block the thread until the descriptor is ready, or the time is over. Interpreted, so
--- that a signal's hook runs between two calls: that is how luajit ends a script at Ctrl-C.
--- @param fd integer -1: no descriptor, only the time
--- @param interest? "r"|"w"|"rw"
--- @param delay? number|ffi.cdata* seconds or int64 nanoseconds; nil: no end
--- @return integer ready 1; 0: the time is over; or a negative errno
function readiness.block(fd, interest, delay)
  local timeout_ns = new_timeout(delay and to_ns(delay) or -1)
  local ready
  repeat
    ready = C.tl_readiness_block(fd, INTEREST[interest] or 0, timeout_ns)
  until ready ~= EINTR
  return ready
end
interpreted.keep(readiness.block)

--- Suspend the running code, where wait.can_suspend, until the descriptor may be ready or
--- the time is over; the caller checks which. Returns at once when another waiting task was
--- served meanwhile, or when tl.watch begins, so the caller always asks the kernel again.
--- @param where string the public function, for errors and lists
--- @param interest "r"|"w"|"rw"
--- @param delay? number|ffi.cdata* seconds or int64 nanoseconds; nil: no end
--- @return integer status 0, or a negative errno: EBADF, EPERM (a regular
---   file, which is always ready), ENOMEM, EMFILE
function Place:suspend(where, interest, delay)
  local bits = INTEREST[interest]
  local status = suspend(self, where, bits, delay)
  if status == EBUSY or status == EEXIST then
    return suspend_beside(self, where, bits, delay)
  end
  return status
end

--- Make a place to wait for `fd`, which still belongs to the caller; close the place before
--- `fd`.
--- @param fd integer
--- @return timerlua.Place? place
--- @return integer? status a negative errno
function readiness.place(fd)
  return open(fd)
end

--- Suspend until the descriptor of `owner`, which keeps the place, can be read.
--- @param owner table fields fd and, from the first wait on, place
--- @return integer status as for Place:suspend
function readiness.suspend(owner, where, delay)
  if not owner.place then
    local place, status = open(owner.fd)
    if not place then return status end
    owner.place = place
  end
  return owner.place:suspend(where, "r", delay)
end

--- An object that calls `release(owned)` when it becomes garbage. It is a userdata and does
--- not use ffi.gc: when the state is closed, userdata are finalized while the loop still
--- exists, the latest first.
function readiness.guard(owned, release)
  local proxy = newproxy(true)
  getmetatable(proxy).__gc = function() release(owned) end
  return proxy
end

return readiness
