-- select.kqueue: BSD's event queue as in Python's select module, built on Linux's own
-- means. The core decides what is watched and how; this file has the changes, the events,
-- and waiting for the queue's descriptor.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local check = require "timerlua.core.check"
local duration = require "timerlua.core.duration"
local entries = require "timerlua.core.entries"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local fair = require "timerlua.task.fair"
local fileno = require "timerlua.core.fileno"
local interpreted = require "timerlua.core.interpreted"
local kevent = require "timerlua.byhand.select_kevent"
local misuse = require "timerlua.core.misuse"
local readiness = require "timerlua.byhand.readiness"
local claims = require "timerlua.system.signal_claims"
local wait = require "timerlua.task.wait"

local C, loop = core.C, core.loop
local to_ns = readiness.to_ns
local EBADF, EINTR, MONOTONIC = errno.EBADF, errno.EINTR, C.TL_MONOTONIC
local ENOTSUP = errno.EOPNOTSUPP -- the same number
local MOST = 256 -- events that are taken from the core at once

local KQ = kevent.constants
local EV_ADD, EV_DELETE = KQ.KQ_EV_ADD, KQ.KQ_EV_DELETE
local EV_RECEIPT, EV_ERROR = KQ.KQ_EV_RECEIPT, KQ.KQ_EV_ERROR
local EV_SYSTEM = 0x1000 -- flags from here on belong to the system

local SIGNAL = C.TL_KQ_SIGNAL
local FILTERS = {}
for name, number in entries(KQ) do
  local word = name:match("^KQ_FILTER_(.*)$")
  if word then FILTERS[number] = word end
end

-- Only some fflags of these filters are missing.
local CARRIED = { [C.TL_KQ_READ] = true, [C.TL_KQ_WRITE] = true, [C.TL_KQ_VNODE] = true,
  [C.TL_KQ_PROC] = true, [SIGNAL] = true, [C.TL_KQ_TIMER] = true }

local new_events = ffi.typeof("tl_kevent[?]")
local new_change = ffi.typeof("tl_kevent")
local new_error = ffi.typeof("int32_t[1]")
local new_timeout = ffi.typeof("int64_t[1]")

-- The open queues of this state, by descriptor, for fromfd.
local queues = setmetatable({}, { __mode = "v" })

-- By object; the core is given the pointer, so no script can write here.
local queue_of = setmetatable({}, { __mode = "k" })

-- fork(2) does not pass BSD's queues on; here the copies share what they watch.
local function is_open(queue)
  return queue.owned.pointer ~= nil and queue.process == C.tl_process_id()
end

--- @class timerlua.Kqueue BSD's event queue
--- @since 0.1
--- @field closed boolean also in a process that was forked
local Kqueue = {}

-- `closed` belongs to the queue, which several objects may share.
function Kqueue.__index(self, key)
  if key == "closed" then return not is_open(queue_of[self]) end
  return Kqueue[key]
end

local check_self = check.self_of(Kqueue, "select.kqueue", "a kqueue object", "kq")

local function open_queue(self, method)
  check_self(self, method)
  local queue = queue_of[self]
  if not is_open(queue) then
    misuse.raise("select.kqueue:" .. method, "the kqueue object is closed")
  end
  return queue
end

-- ---------------------------------------------------------------------------
-- arguments

local function list_of_iterator(next_event)
  local list = {}
  for event in next_event do list[#list + 1] = event end
  return list
end

-- A list of our own checked kevents, so that nothing is changed if one of the elements is
-- not a kevent.
local function changes_of(where, changelist)
  if changelist == nil then return {} end
  local list = changelist
  if type(changelist) == "function" then
    list = list_of_iterator(changelist)
  elseif type(changelist) ~= "table" or kevent.is(changelist) then
    misuse.got(where, "changelist must be a list of kevent objects, an iterator or nil",
      changelist)
  end
  local changes = {}
  for i = 1, #list do
    if not kevent.is(list[i]) then
      misuse.got(where, ("changelist[%d] must be a kevent object"):format(i), list[i])
    end
    kevent.check(where, list[i])
    if list[i].filter == SIGNAL and claims.refusal() then misuse.raise(where, claims.refusal()) end
    changes[i] = list[i]
  end
  return changes
end

-- ---------------------------------------------------------------------------
-- changes

local function has(flags, flag)
  return math.floor(flags / flag) % 2 == 1
end

-- The udata that a script wants back with its events, by filter and ident.
local function remember(queue, change)
  if change.filter == SIGNAL then claims.take(change.ident, queue.owned) end
  local by_ident = queue.udata[change.filter]
  if not by_ident then
    by_ident = {}
    queue.udata[change.filter] = by_ident
  end
  by_ident[change.ident] = change.udata
end

local function forget(queue, filter, ident)
  if filter == SIGNAL then claims.leave(ident, queue.owned) end
  local by_ident = queue.udata[filter]
  if by_ident then by_ident[ident] = nil end
end

-- Forget events that the core has ended, including by itself, such as for a closed
-- descriptor.
local function forget_ended(queue)
  local pointer, ended = queue.owned.pointer, queue.ended or new_events(1)
  queue.ended = nil -- a finalizer may come here, too
  while C.tl_kqueue_ended(pointer, ended) ~= 0 do
    forget(queue, ended[0].filter, ended[0].ident)
  end
  queue.ended = ended
end

-- Returns 0 or a negative errno.
local function apply(queue, change)
  if change.filter == 0 then return 0 end -- BSD ignores it
  local flags = change.flags % EV_SYSTEM
  local status = C.tl_kqueue_change(queue.owned.pointer, new_change(change.ident, change.data,
    change.filter, flags, change.fflags % 2 ^ 32, 0))
  forget_ended(queue)
  if status == 0 and has(flags, EV_ADD) and not has(flags, EV_DELETE) then
    remember(queue, change)
  end
  return status
end

local function failed(change, status)
  local subject = ("kqueue.control %s %.0f"):format(
    FILTERS[change.filter] or "filter " .. change.filter, change.ident)
  if status ~= ENOTSUP then return errors.failed(subject, status) end
  return nil, ("%s: Linux has nothing for %s"):format(subject, CARRIED[change.filter]
    and ("fflags 0x%x"):format(change.fflags) or "this filter"), "ENOTSUP"
end

-- Events that report errors, and receipts; or, when there is no room for one, nil, message,
-- code.
local function apply_all(queue, changes, most)
  local told = {}
  for i = 1, #changes do
    local change = changes[i]
    local status = apply(queue, change)
    if status ~= 0 or has(change.flags, EV_RECEIPT) then
      if #told < most then
        told[#told + 1] = kevent.make(change.ident, change.filter, EV_ERROR, change.fflags,
          math.abs(status), change.udata)
      elseif status ~= 0 then
        return failed(change, status)
      end
    end
  end
  return told
end

-- ---------------------------------------------------------------------------
-- events

local function event_of(queue, raw)
  local by_ident = queue.udata[raw.filter]
  local udata = by_ident and by_ident[raw.ident]
  if udata == nil then udata = 0 end
  return kevent.make(raw.ident, raw.filter, raw.flags, raw.fflags, raw.data, udata)
end

-- One pass only: a second pass would report events that stay ready twice.
local function take(queue, list, most)
  local buffer = queue.buffer or new_events(MOST)
  queue.buffer = nil -- a finalizer may come here, too
  local count = C.tl_kqueue_take(queue.owned.pointer, buffer, math.min(most, MOST))
  for i = 0, count - 1 do list[i + 1] = event_of(queue, buffer[i]) end
  queue.buffer = buffer
  forget_ended(queue)
  return count
end

-- Interpreted, so that a signal's hook runs between two calls: that is how luajit ends a
-- script at Ctrl-C.
local function block(queue, where, list, most, delay)
  wait.before_blocking(where, delay)
  local timeout_ns = new_timeout(delay and to_ns(delay) or -1)
  repeat
    local status = C.tl_kqueue_block(queue.owned.pointer, timeout_ns)
    if status < 0 and status ~= EINTR then return status end
    if not queue.owned.pointer then return EBADF end -- by a hook
    if status > 0 and take(queue, list, most) > 0 then return 0 end
  until timeout_ns[0] == 0
  return 0
end
interpreted.keep(block)

-- Another task may take the event that woke this one, or the events may turn out not to be
-- enough.
local function suspend(queue, where, list, most, delay)
  local start_ns = delay and C.tl_now_ns(loop, MONOTONIC)
  local left = delay
  repeat
    fair.waits()
    local status = readiness.suspend(queue.owned, where, left)
    if status ~= 0 then return status end
    if not queue.owned.pointer then return EBADF end
    if take(queue, list, most) > 0 then return 0 end
    if delay then left = to_ns(delay) - (C.tl_now_ns(loop, MONOTONIC) - start_ns) end
  until left and left <= 0
  return 0
end

local function wait_for_events(queue, where, list, most, delay)
  local suspends = wait.can_suspend()
  if suspends then
    fair.turn(where)
    if not queue.owned.pointer then return EBADF end
  end
  if take(queue, list, most) > 0 or delay == 0 then return 0 end
  if suspends then return suspend(queue, where, list, most, delay) end
  return block(queue, where, list, most, delay)
end

--- Change what is watched, then wait for events.
--- @param changelist? timerlua.Kevent[]|fun(): timerlua.Kevent? a list, an iterator or nil;
---   the changes are made in this order
--- @param max_events integer >= 0; 0: only make the changes. At most 256 events are
---   returned at once
--- @param timeout? timerlua.Duration 0: only check; nil: no end
--- @return timerlua.Kevent[]? events empty when the time is over. If changes failed,
---   returns those changes instead, with flags KQ_EV_ERROR and the errno as data, as far as
---   max_events allows
--- @return string? message of the first failed change that did not fit
--- @return string? code "ENOENT" (the event to be changed does not exist), "EBADF",
---   "EINVAL", "ENOTSUP" (Linux has no equivalent), "EBUSY" (a blocked signal), "ESRCH",
---   "EPERM", "EACCES", "EMFILE", "ENFILE", "ENOSPC", "ENOMEM"
--- Raises when the object is closed.
function Kqueue:control(changelist, max_events, timeout)
  local queue = open_queue(self, "control")
  local where = "select.kqueue:control"
  check.integer(where, "max_events", max_events, 0)
  local delay = timeout ~= nil and duration.of(where, "timeout", timeout) or nil
  local changes = changes_of(where, changelist)
  open_queue(self, "control") -- checked again: the iterator is the script's
  fair.step(where)
  if not queue.owned.pointer then return errors.failed("kqueue.control", EBADF) end
  local list, message, code = apply_all(queue, changes, max_events)
  if not list or #list > 0 or max_events == 0 then return list, message, code end
  local status = wait_for_events(queue, where, list, max_events, delay)
  if status ~= 0 then return errors.failed("kqueue.control", status) end
  return list
end

-- ---------------------------------------------------------------------------
-- life

--- Return the queue's own descriptor; it becomes readable when control would return.
--- @return integer fd
--- Raises when the object is closed.
function Kqueue:fileno()
  return open_queue(self, "fileno").fd
end

local function release(owned)
  local pointer = owned.pointer
  if not pointer then return end
  owned.pointer = nil
  if owned.place then owned.place:close() end
  C.tl_kqueue_close(pointer)
end

--- Close the queue and the descriptors that it opened, not the watched ones; signals are
--- handled as before. Harmless when repeated. A task in control is resumed, with "EBADF".
function Kqueue:close()
  check_self(self, "close")
  local queue = queue_of[self]
  if queues[queue.fd] == queue then queues[queue.fd] = nil end
  release(queue.owned)
end

function Kqueue:__tostring()
  return "timerlua.Kqueue: " .. (self.closed and "closed" or "fd " .. queue_of[self].fd)
end

local function object(queue)
  local self = setmetatable({}, Kqueue)
  queue_of[self] = queue
  return self
end

local kqueue = {}

--- Make a kqueue object. Its descriptor is close-on-exec.
--- @return timerlua.Kqueue? kq
--- @return string? message
--- @return string? code "EMFILE", "ENFILE", "ENOMEM"
function kqueue.new()
  local status = new_error()
  local pointer = C.tl_kqueue_open(status)
  if pointer == nil then return errors.failed("kqueue", status[0]) end
  local owned = { pointer = pointer, fd = C.tl_kqueue_fd(pointer) }
  local queue = { owned = owned, fd = owned.fd, udata = {}, guard = readiness.guard(owned, release),
    process = C.tl_process_id() }
  queues[queue.fd] = queue
  return object(queue)
end

local function is_descriptor(fd)
  local duplicate = C.tl_descriptor_duplicate(fd)
  if duplicate < 0 then return duplicate ~= EBADF end
  C.tl_descriptor_close(duplicate)
  return true
end

--- Make a second object for a queue of this program, from its descriptor. Both objects have
--- the same queue: closing one closes both.
--- @param fd timerlua.Descriptor|timerlua.Kqueue
--- @return timerlua.Kqueue? kq
--- @return string? message
--- @return string? code "ENOTSUP": not a kqueue of this program; "EBADF"
function kqueue.fromfd(fd)
  local number = fileno.of("select.kqueue.fromfd", "fd", fd)
  local queue = queues[number]
  if queue and is_open(queue) then return object(queue) end
  local subject = "kqueue.fromfd fd " .. number
  if not is_descriptor(number) then return errors.failed(subject, EBADF) end
  return nil, subject .. ": not a kqueue of this program, which alone knows what it watches",
    "ENOTSUP"
end

return kqueue
