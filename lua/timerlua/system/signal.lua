-- Signals as callbacks: the core takes them from a descriptor, so no Lua code runs inside a
-- signal handler. One watch, which never waits, takes the signals and runs each
-- subscription by a timer of no delay, whose object is the subscription. The core runs that
-- timer again only after its callback is over: so the runs of one subscription follow each
-- other, even when they wait.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local anchors = require "timerlua.core.anchors"
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local closing = require "timerlua.core.closing"
local entries = require "timerlua.core.entries"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local misuse = require "timerlua.core.misuse"
local suggest = require "timerlua.core.suggest"
local claims = require "timerlua.system.signal_claims"
local signame = require "timerlua.system.signame"
local watch = require "timerlua.loop.watch"

local C, loop = core.C, core.loop

local BURST = 256         -- signals taken in one turn
local MOST_WAITING = 1024 -- realtime signals that a subscription keeps apart
local ENOMEM, EBUSY = errno.ENOMEM, errno.EBUSY

-- The kernel does not let these be caught, signal(7); or they are caused by the running
-- instruction itself, which cannot go on.
local REFUSED = { KILL = "the kernel does not allow it",
  STOP = "the kernel does not allow it" }
for _, name in ipairs { "SEGV", "BUS", "FPE", "ILL", "TRAP", "SYS" } do
  REFUSED[name] = "it reports a fault of the running instruction"
end

--- @class timerlua.Signal a subscription to one or several signals
--- @since 0.1
--- @field name string the signals it listens for: "SIGTERM", or "SIGINT SIGTERM"
--- @field kind string "signal"
--- @field site string "file:line" where its callback was defined
--- @field signal string? in the callback: the name of the received signal
--- @field number integer? the signal's number
--- @field count integer? the number of received signals that this run stands for
--- @field pid integer? the process that sent the signal; nil when the kernel did
--- @field uid integer? the user of that process
--- @field value integer? the value given to sigqueue(3)
local Signal = {}

suggest.methods(Signal, "signal", { stop = "cancel", close = "cancel", off = "cancel" })

function Signal.__index(self, key)
  if key == "site" then return callable.site(self.fn) end
  return Signal[key]
end

function Signal.__tostring(self)
  return ("timerlua.Signal: %s (%s)"):format(tostring(self.name), tostring(self.site))
end

-- By signal number: the subscriptions, in the order in which they were made.
local listening = {}
local descriptor -- the watch, while there are subscriptions
local signal_free = true -- no signal was ever listened for

-- The descriptor keeps the loop running while a subscription does.
local function settle_ref()
  if not descriptor then return end
  for _, list in entries(listening) do
    for _, each in ipairs(list) do
      if each.referenced then return descriptor:ref() end
    end
  end
  descriptor:unref()
end

-- ---------------------------------------------------------------------------
-- delivering

local function take_first(self)
  local waiting = self.waiting
  local first = table.remove(waiting, 1)
  if self.pending[first.number] == first then self.pending[first.number] = nil end
  return first, waiting[1] ~= nil
end

-- The timer of each subscription's next call: its slot and generation, which scripts
-- must not write.
local timers = setmetatable({}, { __mode = "k" })
local new_id = core.new_id() -- of a new handle

-- Run the subscription on the next turn, or after the run in progress.
local function arm(self)
  local timer = timers[self]
  local status = C.tl_timer_rearm(loop, timer.slot, timer.generation, 0)
  if status ~= 0 and status ~= ENOMEM then -- the timer has ended
    status = C.tl_timer_after(loop, new_id, 0)
    if status == 0 then
      timer.slot, timer.generation = new_id.slot, new_id.generation
      anchors.set(timer.slot, self.run, self)
    end
  end
  return status
end

local function arm_surely(self)
  local status = arm(self)
  if status == 0 then return end
  collectgarbage() -- garbage may hold the memory
  status = arm(self)
  if status == 0 then return end
  local _, message = errors.failed("deliver " .. self.name, status)
  errors.report(message .. "; the next signal brings it", nil, self)
end

local function run(self, ...)
  local came, more = take_first(self)
  self.signal, self.number, self.count = signame.name(came.number), came.number, came.count
  self.pid, self.uid, self.value = came.pid, came.uid, came.value
  if more then arm_surely(self) end
  return self.fn(self, ...)
end

-- A received signal joins those that wait to be reported, as in the kernel: of a standard
-- signal at most one waits, of a realtime signal each one.
local function put(self, came)
  local number = came.number
  local before = self.pending[number]
  local is_realtime = number >= signame.first_realtime
  if before and (not is_realtime or #self.waiting >= MOST_WAITING) then
    before.count = before.count + 1
    before.pid, before.uid, before.value = came.pid, came.uid, came.value
    return
  end
  local entry = { number = number, count = 1, pid = came.pid, uid = came.uid,
    value = came.value }
  table.insert(self.waiting, entry)
  self.pending[number] = entry
end

local raw = ffi.new("tl_signal")

local function next_signal()
  if C.tl_signals_next(loop, raw) ~= 1 then return nil end
  return { number = raw.number, pid = raw.pid > 0 and raw.pid or nil,
    uid = raw.pid > 0 and raw.uid or nil, value = raw.has_value ~= 0 and raw.value or nil }
end

local function on_readable()
  for _ = 1, BURST do
    local came = next_signal()
    if not came then return end
    for _, self in ipairs(listening[came.number] or {}) do
      put(self, came)
      arm_surely(self)
    end
  end
end

-- ---------------------------------------------------------------------------
-- programs that the script starts

-- A blocked signal stays blocked in a started program, so functions that start a program
-- and do nothing about it are called with the signals lent to it.
local function take_back(ok, ...)
  C.tl_signals_lend(loop, 0)
  if not ok then error((...), 0) end
  return ...
end

local function lending(fn)
  return function(command, ...)
    if not descriptor or type(command) ~= "string" then return fn(command, ...) end
    on_readable() -- pending signals could not be lent
    if C.tl_signals_lend(loop, 1) ~= 0 then return fn(command, ...) end
    return take_back(pcall(fn, command, ...))
  end
end

-- Replaced with the first subscription: a script that never listens has the originals.
local function lend_to_programs()
  if signal_free then
    signal_free = false
    local io, os = _G.io, _G.os
    io.popen, os.execute = lending(io.popen), lending(os.execute)
  end
end

-- ---------------------------------------------------------------------------
-- listening

local function close_descriptor()
  if descriptor and next(listening) == nil then
    descriptor:cancel() -- before the core closes the watched descriptor
    descriptor = nil
  end
end

-- Give up one signal of a subscription; returns how many signals then have no subscription.
local function leave(self, number)
  local list, dropped, taken = listening[number], 0, 0
  for i, each in ipairs(list) do
    if each == self then table.remove(list, i) break end
  end
  for _, entry in ipairs(self.waiting) do
    if entry.number == number then taken = taken + entry.count end
  end
  if #list == 0 then
    listening[number] = nil
    close_descriptor()
    dropped = C.tl_signals_leave(loop, number, taken > 0 and 1 or 0)
  end
  return dropped + taken
end

local function leave_all(self)
  local dropped = 0
  for _, number in ipairs(self.numbers) do dropped = dropped + leave(self, number) end
  self.waiting, self.pending = {}, {}
  return dropped
end

-- Open the watch on the descriptor that the core returned for the first signal.
local function watch_descriptor(fd)
  if descriptor then return true end
  local message, code
  descriptor, message, code = watch.watch(fd, "r", on_readable)
  return descriptor ~= nil, message, code
end

local function listen(self, number)
  local fd = claims.is_taken(number) and EBUSY or C.tl_signals_listen(loop, number)
  if fd < 0 then return errors.failed("signal " .. signame.name(number), fd) end
  local ok, message, code = watch_descriptor(fd)
  if not ok then
    C.tl_signals_leave(loop, number, 0)
    return nil, message, code
  end
  listening[number] = listening[number] or {}
  table.insert(listening[number], self)
  return true
end

local function listen_all(self)
  for i, number in ipairs(self.numbers) do
    local ok, message, code = listen(self, number)
    if not ok then
      for k = 1, i - 1 do leave(self, self.numbers[k]) end
      return nil, message, code
    end
  end
  settle_ref()
  return true
end

-- ---------------------------------------------------------------------------
-- the subscription

local check_self = check.self_of(Signal, "signal", "what tl.signal returned")

--- Stop listening; harmless when repeated. A run that is due does not happen. With the last
--- subscription of a signal, the process handles the signal as before. A signal that
--- arrived and was not reported yet goes to the process's handler, such as the program's
--- own for TERM, INT and HUP; without a handler the signal is dropped, so that it does not
--- end the process.
--- @return boolean cancelled false if it was cancelled before
--- @return integer untold how many signals had arrived for the subscription that are not
---   reported to it
function Signal:cancel()
  check_self(self, "cancel")
  if self.cancelled then return false, 0 end
  self.cancelled = true
  local untold = leave_all(self)
  local timer = timers[self]
  anchors.cancelled(timer.slot, C.tl_timer_cancel(loop, timer.slot, timer.generation))
  settle_ref()
  return true, untold
end

--- Let the loop end although this subscription listens.
--- @return timerlua.Signal signal itself
function Signal:unref()
  check_self(self, "unref")
  self.referenced = false
  settle_ref()
  return self
end

--- Keep the loop running while this subscription listens, which is the default.
--- @return timerlua.Signal signal itself
function Signal:ref()
  check_self(self, "ref")
  self.referenced = true
  settle_ref()
  return self
end

local function number_of(name)
  local number = signame.number("signal", "signal", name)
  local reason = REFUSED[signame.name(number):sub(4)]
  if reason then
    misuse.got("signal", ("signal must be one that can be caught, and %s cannot: %s")
      :format(signame.name(number), reason), name)
  end
  return number
end

local function numbers_of(names)
  if type(names) ~= "table" then return { number_of(names) } end
  local numbers, seen = {}, {}
  for _, name in ipairs(names) do
    local number = number_of(name)
    if not seen[number] then numbers[#numbers + 1] = number end
    seen[number] = true
  end
  if #numbers == 0 then misuse.got("signal", "signal must be a name or a list of names", names) end
  return numbers
end

local function name_of(numbers)
  local names = {}
  for i, number in ipairs(numbers) do names[i] = signame.name(number) end
  return table.concat(names, " ")
end

local signal = {}

--- Call `fn` when a signal arrives, in the loop, never inside a signal handler; the
--- process's own handling of the signal is off until the last subscription is cancelled.
--- Keeps the loop running unless `unref` is called. Signals that arrive while `fn` waits
--- are reported after it returns; for a standard signal they are reported as one, with
--- their number in `count`. Linux: signalfd(2), signal(7).
--- @param names string|integer|table "TERM", "SIGTERM", "RTMIN+3", 15, or a list of these
--- @param fn fun(signal: timerlua.Signal, ...) may wait
--- @param ... any passed to `fn` after the subscription
--- @return timerlua.Signal? signal
--- @return string? message
--- @return string? code "EMFILE", "ENFILE", "ENOMEM"; "EBUSY": a kqueue takes the signal;
---   "ECHILD" in a forked child
--- Raises for a signal that cannot be caught.
function signal.signal(names, fn, ...)
  local numbers = numbers_of(names)
  callable.check("signal", "fn", fn)
  local self = setmetatable({ kind = "signal", name = name_of(numbers), numbers = numbers,
    fn = callable.plain(fn), referenced = true, waiting = {},
    pending = {} }, Signal)
  timers[self] = { slot = 0, generation = 0 }
  self.run = anchors.bind(run, ...)
  lend_to_programs()
  local ok, message, code = listen_all(self)
  if not ok then return nil, message, code end
  return self
end

--- Iterate over the subscriptions, in the order of their signals' numbers.
function signal.each()
  local all, seen = {}, {}
  for number = 1, signame.last_realtime do
    for _, self in ipairs(listening[number] or {}) do
      if not seen[self] then all[#all + 1] = self end
      seen[self] = true
    end
  end
  local i = 0
  return function()
    i = i + 1
    return all[i]
  end
end

--- Whether an object of the core's table belongs to this module.
function signal.owns(object)
  return object == descriptor or getmetatable(object) == Signal
end

--- Cancel every subscription.
function signal.close()
  for self in signal.each() do self:cancel() end
end

closing.at("error", signal.close) -- what the process did with them is on again

return signal
