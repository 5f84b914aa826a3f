-- Timer descriptors: timerfd_create(2) with the names, units and results of
-- Python's os.timerfd_*. They are the kernel's own timers, so virtual time does
-- not move them. A read in a task waits in the loop; elsewhere it blocks.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local check = require "timerlua.core.check"
local duration = require "timerlua.core.duration"
local entries = require "timerlua.core.entries"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local fair = require "timerlua.task.fair"
local fileno = require "timerlua.core.fileno"
local headers = require "timerlua.core.headers"
local misuse = require "timerlua.core.misuse"
local readiness = require "timerlua.byhand.readiness"
local rethrow = require "timerlua.task.rethrow"
local wait = require "timerlua.task.wait"

local C, loop = core.C, core.loop
local int64, uint64 = ffi.typeof("int64_t"), ffi.typeof("uint64_t")
local EAGAIN = errno.EAGAIN

--- @class timerlua.timerfd Timer descriptors, timerfd_create(2), with the names, units and results
---   of Python's os.timerfd_*.
--- @since 0.1
local timerfd = {
  -- clock_gettime(2)
  CLOCK_REALTIME = headers.CLOCK_REALTIME,
  CLOCK_MONOTONIC = headers.CLOCK_MONOTONIC,
  CLOCK_BOOTTIME = headers.CLOCK_BOOTTIME,
  CLOCK_REALTIME_ALARM = headers.CLOCK_REALTIME_ALARM,
  CLOCK_BOOTTIME_ALARM = headers.CLOCK_BOOTTIME_ALARM,
  -- timerfd_create(2)
  TFD_NONBLOCK = headers.TFD_NONBLOCK,
  TFD_CLOEXEC = headers.TFD_CLOEXEC,
  TFD_TIMER_ABSTIME = headers.TFD_TIMER_ABSTIME,
  TFD_TIMER_CANCEL_ON_SET = headers.TFD_TIMER_CANCEL_ON_SET,
}

local CLOCKS = {}
for name, number in entries(timerfd) do
  if name:find("^CLOCK_") then CLOCKS[number] = name end
end

-- Few fields, so that an object among ten thousand is read in few lines of the processor's
-- cache: most objects have the common values, from the class.
--- @class timerlua.Timerfd
--- @since 0.1
--- @field closed boolean
--- @field clockid integer a CLOCK_ constant
--- @field package fd integer
--- @field package look integer 1: a read might block, so the kernel is asked first
--- @field package guard ffi.cdata* closes the descriptor of an object that is garbage
--- @field package place timerlua.Place? once a task has waited
local Timerfd = { closed = false }
Timerfd.__index = Timerfd

-- Objects by their descriptors; and stand-ins for descriptors without an object while tasks
-- read them.
local owners = setmetatable({}, { __mode = "v" })
local visitors = {}

-- ---------------------------------------------------------------------------
-- arguments

local CREATE = {
  mask = timerfd.TFD_NONBLOCK + timerfd.TFD_CLOEXEC,
  rule = "flags must be 0, TFD_NONBLOCK, TFD_CLOEXEC or their sum",
  options = check.names "flags nonblock cloexec",
}
local SETTIME = {
  mask = timerfd.TFD_TIMER_ABSTIME + timerfd.TFD_TIMER_CANCEL_ON_SET,
  rule = "flags must be 0, TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET or their sum",
  options = check.names "flags initial interval abstime cancel_on_set",
}

local function check_flags(where, flags, known)
  if flags == nil then return 0 end
  if not check.is_whole(flags, 0, known.mask) or bit.band(flags, known.mask) ~= flags then
    misuse.got(where, known.rule, flags)
  end
  return flags
end

-- A flag of a table by its name: set, cleared, or left unchanged.
local function apply(where, flags, options, name, flag)
  local on = options[name]
  if on == nil then return flags end
  check.boolean(where, "option " .. name, on)
  return on and bit.bor(flags, flag) or bit.band(flags, bit.bnot(flag))
end

local function seconds(where, what, value)
  if value == nil then return 0 end
  if type(value) ~= "number" then
    misuse.got(where, what .. " must be a number of seconds >= 0", value)
  end
  return duration.to_ns(where, what, value)
end

local function nanoseconds(where, what, value)
  if value == nil then return 0 end
  local kind = type(value)
  if check.is_whole(value, 0) and value < 2 ^ 63 then
    return ffi.cast(int64, value)
  end
  if kind == "cdata" and (ffi.istype(int64, value) or ffi.istype(uint64, value)) then
    local ns = ffi.cast(int64, value)
    if ns >= 0 then return ns end
  end
  misuse.got(where, what .. " must be whole nanoseconds from 0 to 2^63 - 1", value)
end

-- The descriptor, and its object if it has one. A script can write any number into an
-- object.
local function descriptor(where, fd)
  if getmetatable(fd) == Timerfd then
    if fd.closed then misuse.raise(where, "the descriptor is closed") end
    if owners[fd.fd] ~= fd then fileno.check_kept(where, fd.fd) end
    return fd.fd, fd
  end
  local number = fileno.of(where, "fd", fd)
  if not owners[number] then fileno.check_kept(where, number) end
  return number, owners[number]
end

-- ---------------------------------------------------------------------------
-- the life of an object

local new_guard = ffi.typeof("struct { const int32_t fd; tl_id place; }")

-- The place first, because the loop's poller knows the descriptor by its number.
local function collected(guard)
  C.tl_readiness_close(loop, guard.place.slot, guard.place.generation)
  if fileno.forget(guard.fd) then C.tl_timerfd_close(guard.fd) end
end

-- As in Python, descriptors are close-on-exec whatever the flags say; only cloexec=false
-- makes a descriptor that a started program inherits.
local function create_flags(where, flags)
  if type(flags) ~= "table" then
    return bit.bor(check_flags(where, flags, CREATE), timerfd.TFD_CLOEXEC)
  end
  flags = check.options(where, flags, CREATE.options)
  local given = check_flags(where, flags.flags, CREATE)
  given = apply(where, given, flags, "nonblock", timerfd.TFD_NONBLOCK)
  return apply(where, bit.bor(given, timerfd.TFD_CLOEXEC), flags, "cloexec",
    timerfd.TFD_CLOEXEC)
end

--- Make a timer descriptor; the timer is stopped. The descriptor is closed by close(), or
--- when the object becomes garbage. Source: timerfd_create(2), Python's os.timerfd_create.
--- @param clockid integer CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
---   CLOCK_REALTIME_ALARM or CLOCK_BOOTTIME_ALARM, which wake a sleeping machine
--- @param flags integer|table|nil TFD_NONBLOCK, TFD_CLOEXEC or their sum; or a table:
---   `nonblock`, `cloexec` (default true), `flags`
--- @return timerlua.Timerfd? timerfd
--- @return string? message
--- @return string? code "EPERM" (CAP_WAKE_ALARM is missing), "EMFILE", "ENFILE", "ENODEV",
---   "ENOMEM"
function timerfd.create(clockid, flags)
  local where = "timerfd.create"
  if not CLOCKS[clockid or false] then
    misuse.got(where, "clockid must be CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, "
      .. "CLOCK_REALTIME_ALARM or CLOCK_BOOTTIME_ALARM", clockid)
  end
  local given = create_flags(where, flags)
  local fd = C.tl_timerfd_create(clockid, given)
  if fd < 0 then
    return errors.failed(("%s(%s)"):format(where, CLOCKS[clockid]), fd)
  end
  -- from constants first: the table has its final size from the beginning
  local self = { fd = -1, clockid = -1, look = 0, guard = false }
  self.fd, self.clockid, self.guard = fd, clockid, ffi.gc(new_guard(fd), collected)
  if bit.band(given, timerfd.TFD_NONBLOCK) == 0 then self.look = 1 end
  setmetatable(self, Timerfd)
  owners[fileno.opened(fd)] = self
  return self
end

-- Tasks that read the timer are resumed, and find it closed.
local function shut(self)
  self.closed = true
  if self.place then self.place:close() end
end

local function give_up(self)
  shut(self)
  ffi.gc(self.guard, nil)
  owners[self.fd] = nil
  return self.fd
end

--- Close a descriptor or an object. Tasks that read it get "EBADF". The counterpart of
--- Python's os.close(fd).
--- @param fd timerlua.Descriptor|timerlua.Timerfd an object may be closed repeatedly
--- @return boolean? closed true
--- @return string? message
--- @return string? code "EBADF", "EIO"
function timerfd.close(fd)
  local where = "timerfd.close"
  if getmetatable(fd) == Timerfd and fd.closed then return true end
  local number, self = descriptor(where, fd)
  if not self then fileno.check_own(where, number) end
  local visitor = visitors[number]
  if self then give_up(self) end
  if visitor then
    visitors[number] = nil
    shut(visitor)
  end
  fileno.forget(number)
  local status = C.tl_timerfd_close(number)
  if status < 0 then return errors.failed(("%s fd %d"):format(where, number), status) end
  return true
end

--- Release the descriptor: the object counts as closed, the descriptor stays open.
--- @return integer fd the caller must close it
--- Raises when the object is closed.
function Timerfd:detach()
  local _, own = descriptor("timerfd:detach", self)
  if not own then check.wrong_self(self, "detach", "timerfd", "a timerfd", "t") end
  return give_up(own)
end

--- Return the descriptor, which still belongs to the object.
--- @return integer fd
--- Raises when the object is closed.
function Timerfd:fileno()
  return (descriptor("timerfd:fileno", self))
end

function Timerfd:__tostring()
  return ("timerlua.Timerfd: %s, %s"):format(CLOCKS[self.clockid],
    self.closed and "closed" or "fd " .. self.fd)
end

-- ---------------------------------------------------------------------------
-- setting

local setting = ffi.new("tl_timerfd_setting")

-- The same three arguments, from a table.
local function named(where, options)
  options = check.options(where, options, SETTIME.options)
  local flags = check_flags(where, options.flags, SETTIME)
  flags = apply(where, flags, options, "abstime", timerfd.TFD_TIMER_ABSTIME)
  flags = apply(where, flags, options, "cancel_on_set", timerfd.TFD_TIMER_CANCEL_ON_SET)
  return flags, options.initial, options.interval
end

--- @param convert fun(where: string, what: string, value: any): ffi.cdata*
local function settime(where, convert, fd, flags, initial, interval)
  local number = descriptor(where, fd)
  if type(flags) == "table" then
    flags, initial, interval = named(where, flags)
  else
    flags = check_flags(where, flags, SETTIME)
  end
  local status = C.tl_timerfd_settime(number, flags, convert(where, "initial", initial),
    convert(where, "interval", interval), setting)
  if status == 0 then return true end
  return false, ("%s fd %d"):format(where, number), status
end

local function gettime(where, fd)
  local number = descriptor(where, fd)
  local status = C.tl_timerfd_gettime(number, setting)
  if status == 0 then return true end
  return false, ("%s fd %d"):format(where, number), status
end

local function in_seconds(ok, ...)
  if not ok then return errors.failed(...) end
  return tonumber(setting.initial_ns) / 1e9, tonumber(setting.interval_ns) / 1e9
end

local function in_nanoseconds(ok, ...)
  if not ok then return errors.failed(...) end
  return setting.initial_ns, setting.interval_ns
end

--- Set a timer: `initial` seconds until it expires (0 stops it), then every
--- `interval` seconds (0: only once). Fractions are rounded up to the next
--- nanosecond, so only 0 is 0. Source: Python's os.timerfd_settime.
--- @param fd timerlua.Descriptor|timerlua.Timerfd
--- @param flags integer|table|nil TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET or their sum;
---   or a table in place of all arguments: `initial`, `interval`, `abstime`,
---   `cancel_on_set`, `flags`
--- @param initial? number seconds from now; with TFD_TIMER_ABSTIME, the time on the timer's
---   clock; 0 to 9223372036; default 0
--- @param interval? number seconds, 0 to 9223372036; default 0
--- @return number? initial the seconds that were left before; 0: the timer was stopped
--- @return number|string|nil interval the previous interval in seconds; or the message
--- @return string? code "EBADF", "EINVAL" (not a timer), "EPERM"; "ECANCELED": the clock
---   was stepped since the last read; the new setting applies
--- Raises for a closed object, and for times that are negative, NaN, infinite, too great,
--- or not numbers.
function timerfd.settime(fd, flags, initial, interval)
  return in_seconds(settime("timerfd.settime", seconds, fd, flags, initial, interval))
end

--- Set a timer in nanoseconds, as settime does in seconds.
--- @param fd timerlua.Descriptor|timerlua.Timerfd
--- @param flags integer|table|nil as for settime
--- @param initial ffi.cdata*|integer|nil nanoseconds, int64 or a whole number, 0 to 2^63 - 1;
---   default 0
--- @param interval ffi.cdata*|integer|nil nanoseconds, as initial
--- @return ffi.cdata*? initial the nanoseconds that were left before, int64; 0: the timer
---   was stopped
--- @return ffi.cdata*|string|nil interval the previous interval, int64 nanoseconds; or the
---   message
--- @return string? code as for settime
--- Raises as settime does.
function timerfd.settime_ns(fd, flags, initial, interval)
  return in_nanoseconds(settime("timerfd.settime_ns", nanoseconds, fd, flags, initial,
    interval))
end

--- Return the time left until a timer expires, and its interval. The time left is never an
--- absolute time.
--- @param fd timerlua.Descriptor|timerlua.Timerfd
--- @return number? initial seconds; 0: the timer is stopped
--- @return number|string|nil interval seconds; 0: the timer expires once; or the message
--- @return string? code "EBADF", "EINVAL"
--- Raises for a closed object.
function timerfd.gettime(fd)
  return in_seconds(gettime("timerfd.gettime", fd))
end

--- Return the time left until a timer expires, and its interval, in nanoseconds.
--- @param fd timerlua.Descriptor|timerlua.Timerfd
--- @return ffi.cdata*? initial int64 nanoseconds; 0: the timer is stopped
--- @return ffi.cdata*|string|nil interval int64 nanoseconds; 0: the timer expires once; or
---   the message
--- @return string? code "EBADF", "EINVAL"
--- Raises for a closed object.
function timerfd.gettime_ns(fd)
  return in_nanoseconds(gettime("timerfd.gettime_ns", fd))
end

-- ---------------------------------------------------------------------------
-- reading

local function await_place(self)
  if self.place == nil then
    local place, status = readiness.place(self.fd)
    if not place then return status end
    self.place = place
    if self.guard then self.guard.place = place.id end
  end
  return self.place:suspend("timerfd.read", "r")
end

-- A descriptor without an object has its place while a task reads it.
local function await_visit(number)
  local visitor = visitors[number]
  if not visitor then
    visitor = { fd = number, readers = 0, closed = false }
    visitors[number] = visitor
  end
  visitor.readers = visitor.readers + 1
  local ok, result = rethrow.call(await_place, visitor)
  visitor.readers = visitor.readers - 1
  if visitor.readers == 0 and not visitor.closed then
    visitors[number] = nil
    if visitor.place then visitor.place:close() end
  end
  if not ok then rethrow.raise(result) end
  return result, visitor.closed
end

-- Wait until the timer may have expired. Returns 0 or a negative errno, and whether the
-- timer was closed meanwhile.
local function await(number, self)
  if not wait.can_suspend() then
    wait.before_blocking("timerfd.read")
    return math.min(readiness.block(number, "r"), 0), false
  elseif self then
    return await_place(self), self.closed
  end
  return await_visit(number)
end

local function closed_meanwhile(number)
  return nil, ("timerfd.read fd %d: the descriptor was closed"):format(number), "EBADF"
end

local function not_read(number, status)
  return errors.failed("timerfd.read fd " .. number, status)
end

-- The first read returned nothing. A separate function: a read that succeeds runs no loop
-- here, so a loop in the script is compiled.
local function read_late(number, self, result)
  while result == EAGAIN do
    local nonblocking = C.tl_timerfd_nonblocking(number)
    if nonblocking == 1 then return nil, "would block", "EAGAIN" end
    if nonblocking < 0 then return not_read(number, nonblocking) end
    local status, closed = await(number, self)
    if closed then return closed_meanwhile(number) end
    if status < 0 then return not_read(number, status) end
    result = C.tl_timerfd_read(number, self and self.look or 1)
  end
  if result < 0 then return not_read(number, result) end
  return result
end

--- Return how often the timer has expired since it was last read or set. Waits until it has
--- expired: in a task while the loop goes on, elsewhere by blocking. The counterpart of
--- Python's os.read(fd, 8).
--- @param fd timerlua.Descriptor|timerlua.Timerfd
--- @return integer? expirations >= 1; the kernel's count, up to 2^53 exactly
--- @return string? message "would block" for a TFD_NONBLOCK timer that has not expired
--- @return string? code "EAGAIN"; "ECANCELED" after a step of the clock, with
---   TFD_TIMER_CANCEL_ON_SET; "EBADF", also when the timer is closed meanwhile; "EINVAL"
--- Raises for a closed object.
function timerfd.read(fd)
  local number, self = descriptor("timerfd.read", fd)
  fair.step("timerfd.read")
  if self and self.closed then return closed_meanwhile(number) end
  local result = C.tl_timerfd_read(number, self and self.look or 1)
  if result > 0 then return result end
  return read_late(number, self, result)
end

Timerfd.close, Timerfd.read = timerfd.close, timerfd.read
Timerfd.settime, Timerfd.settime_ns = timerfd.settime, timerfd.settime_ns
Timerfd.gettime, Timerfd.gettime_ns = timerfd.gettime, timerfd.gettime_ns

return timerfd
