-- An epoll(7) set that a script waits for: in a task the loop goes on, because the set is
-- itself a descriptor that the loop can watch; elsewhere the thread blocks. Events are read
-- where the kernel wrote them.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local errno = require "timerlua.core.errno"
local fileno = require "timerlua.core.fileno"
local interpreted = require "timerlua.core.interpreted"
local fair = require "timerlua.task.fair"
local readiness = require "timerlua.byhand.readiness"
local wait = require "timerlua.task.wait"

local C, loop = core.C, core.loop
local to_ns = readiness.to_ns
local EINTR, EBADF, ENOENT, MONOTONIC = errno.EINTR, errno.EBADF, errno.ENOENT, C.TL_MONOTONIC

-- The kernel is asked before a wait, which is four times cheaper when something is ready.
-- After a look that found nothing, this many waits go without a look.
local BLIND = 7
local OPERATIONS = { add = C.TL_EPOLL_ADD, remove = C.TL_EPOLL_DEL, modify = C.TL_EPOLL_MOD }

local new_ready = ffi.typeof("tl_ready_fd[?]")
local fds_of, events_of = ffi.typeof("int32_t *"), ffi.typeof("uint32_t *")
local new_timeout = ffi.typeof("int64_t[1]")
local AT_ONCE = new_timeout(0)
local fd_of = fileno.table()

-- Words of a tl_ready_fd: reading a scalar through a pointer to scalars makes no garbage.
local STRIDE = ffi.sizeof("tl_ready_fd") / ffi.sizeof("int32_t")

--- @class timerlua.Ready descriptors that were ready, from one wait
--- @field count integer
--- @field most integer how many there is room for
--- @field look fun(fd: integer, most: integer, timeout_ns: ffi.cdata*): integer
--- @field next fun(): integer?, integer? the next descriptor and its events >= 0, then nil;
---   an iterator of `for`

--- @class timerlua.EpollSet
--- @field fd integer
--- @field closed boolean
--- @field wakes integer how often wake was called
--- @field blind integer how many waits go without a look first
local Set = {}
Set.__index = Set

local epoll_set = {}

-- Its memory, and how much of it the kernel has written, are where no script can read or
-- write them.
local function new_batch(set, room)
  local bytes = new_ready(room)
  local fds, events = ffi.cast(fds_of, bytes), ffi.cast(events_of, bytes) + 1
  local count, taken = 0, 0
  local batch = { most = room }

  function batch.look(fd, most, timeout_ns)
    local got = C.tl_epoll_wait(fd, bytes, math.min(most, room), timeout_ns)
    count, taken = math.max(got, 0), 0
    return got
  end

  function batch.next()
    local i = taken
    if i >= count then
      set.spare = batch
      return nil
    end
    taken = i + 1
    return fds[i * STRIDE], events[i * STRIDE]
  end

  return batch
end

-- A batch that is not in use: iterations nest, and tasks share a set.
local function lease(set, most)
  local batch = set.spare
  set.spare = nil
  if batch and batch.most >= most then return batch end
  return new_batch(set, most)
end

local function ask(set, batch, most)
  local count
  repeat count = batch.look(fd_of[set], most, AT_ONCE) until count ~= EINTR
  return count
end

-- Interpreted, so that a signal's hook runs between two calls: that is how luajit ends a
-- script at Ctrl-C.
local function block(set, where, batch, most, delay)
  wait.before_blocking(where, delay)
  local timeout_ns = new_timeout(delay and to_ns(delay) or -1)
  local count
  repeat count = batch.look(fd_of[set], most, timeout_ns) until count ~= EINTR
  return count
end
interpreted.keep(block)

-- Another task, or another process that has the set, may take the event that woke this
-- task.
local function wait_long(set, where, batch, most, delay)
  local start_ns = delay and C.tl_now_ns(loop, MONOTONIC)
  local left, wakes = delay, set.wakes
  repeat
    fair.waits()
    local status = readiness.suspend(set.owned, where, left)
    if status ~= 0 then return status end
    if set.closed then return EBADF end
    local count = ask(set, batch, most)
    if count ~= 0 or set.wakes ~= wakes then return count end
    if delay then left = to_ns(delay) - (C.tl_now_ns(loop, MONOTONIC) - start_ns) end
  until left and left <= 0
  return 0
end

local function wait_count(set, where, batch, most, delay)
  if not wait.can_suspend() then return block(set, where, batch, most, delay) end
  if set.blind > 0 and delay ~= 0 then
    set.blind = set.blind - 1
  else
    fair.turn(where)
    if set.closed then return EBADF end
    local count = ask(set, batch, most)
    if count ~= 0 or delay == 0 then return count end
    set.blind = BLIND
  end
  return wait_long(set, where, batch, most, delay)
end

--- Wait until something is ready, or the time is over.
--- @param where string the public function, for errors and lists
--- @param most integer at least 1: the largest number of descriptors to report
--- @param delay? number|ffi.cdata* seconds or int64 nanoseconds, checked; nil: no end; 0:
---   only check, which in a task may let a turn of the loop pass
--- @return timerlua.Ready? batch empty when the time is over; take every descriptor by
---   `next`, and the batch is reused
--- @return integer? status a negative errno: EBADF, also when the set was closed meanwhile,
---   ELOOP (sets within sets), ENOMEM, EMFILE
function Set:wait(where, most, delay)
  local batch = lease(self, most)
  local count = wait_count(self, where, batch, most, delay)
  if count < 0 then return nil, count end
  batch.count = count
  return batch
end

--- epoll_ctl(2).
--- @param operation "add"|"modify"|"remove"
--- @param fd integer
--- @param events integer 0 to 2^32 - 1
--- @return integer status 0 or a negative errno
function Set:control(operation, fd, events)
  return C.tl_epoll_control(fd_of[self], OPERATIONS[operation], fd, events)
end

local function release(owned)
  if owned.fd < 0 then return end
  if owned.place then owned.place:close() end
  if fileno.forget(owned.fd) then C.tl_descriptor_close(owned.fd) end
  owned.fd = -1
end

--- Have waiting tasks return, as if the time was over.
function Set:wake()
  self.wakes = self.wakes + 1
  local place = self.owned.place
  self.owned.place = nil
  if place then place:close() end
end

--- Close the set; harmless when repeated. Waiting tasks are resumed.
function Set:close()
  self.closed, fd_of[self] = true, nil
  release(self.owned)
end

-- A descriptor that was opened just now is in no set, so removing it changes nothing: a set
-- answers ENOENT, anything else EINVAL.
local function check(fd)
  local other = C.tl_epoll_open()
  if other < 0 then return other end
  local status = other == fd and EBADF or C.tl_epoll_control(fd, OPERATIONS.remove, other, 0)
  C.tl_descriptor_close(other)
  return status == ENOENT and 0 or status
end

local function own(fd)
  local owned = { fd = fileno.opened(fd) }
  local self = setmetatable({ fd = fd, closed = false, blind = 0, wakes = 0, owned = owned,
    guard = readiness.guard(owned, release) }, Set)
  fd_of[self] = fd
  return self
end

--- Take over an epoll descriptor, which is closed with the set, or when the set becomes
--- garbage.
--- @param fd integer
--- @return timerlua.EpollSet? set
--- @return integer? status a negative errno: EBADF, EINVAL (not an epoll descriptor), EMFILE,
---   ENFILE, ENOMEM
function epoll_set.of(fd)
  local status = check(fd)
  if status ~= 0 then return nil, status end
  return own(fd)
end

--- Make a new set, close-on-exec.
--- @return timerlua.EpollSet? set
--- @return integer? status a negative errno: EMFILE, ENFILE, ENOMEM
function epoll_set.new()
  local fd = C.tl_epoll_open()
  if fd < 0 then return nil, fd end
  return own(fd)
end

return epoll_set
