-- Limits: stretches of a task's run that can be broken off, by a timeout or with a
-- scope, or that are kept from being broken off, by a shield. They nest. The
-- interruption of a limit that has run out is raised where its task waits, and in every
-- further wait inside the limit; of several interruptions, the outermost. Being
-- cancelled is the interruption of the whole task, outside all its limits.
--
-- A shield keeps the interruptions from outside away until its grace is over.
local core = require "timerlua.core.ffi"
local anchors = require "timerlua.core.anchors"
local wait = require "timerlua.task.wait"

local C, loop = core.C, core.loop

local time_bound = {}

--- @class timerlua.Limit
--- @field waiter timerlua.Waiter the task inside
--- @field outer timerlua.Limit? the next limit around this one
--- @field over timerlua.Interruption? set once the limit has run out
--- @field shields boolean? whether it keeps away interruptions from outside
--- @field abandon fun(self) tidies up when the task ended without leaving the limit
--- @field begin_grace? fun(self) of a shield: an interruption is being kept away

-- Whether a limit or one further out has run out. Shields inside that one begin their
-- grace.
local function is_over(limit, waiter)
  if limit == nil then return waiter.cancelled ~= nil end
  local outside_is = is_over(limit.outer, waiter)
  if outside_is and limit.shields then limit:begin_grace() end
  return outside_is or limit.over ~= nil
end

local function outermost(waiter)
  local limit, found = waiter.limit, nil
  while limit do
    found = limit.over or found
    if limit.shields then return found end
    limit = limit.outer
  end
  return waiter.cancelled or found
end

-- From now on, waits of this task raise this interruption, or none. One that a shield
-- kept away for a while is still counted.
local function set_expired(waiter, interruption)
  waiter.expired = interruption
  if interruption == nil or interruption == waiter.counted then return end
  waiter.counted, waiter.raised = interruption, 0
end

-- The interruptions have changed while the task waits, or runs.
local function refresh(waiter)
  is_over(waiter.limit, waiter)
  local before, now = waiter.expired, outermost(waiter)
  set_expired(waiter, now)
  if now ~= nil and now ~= before then
    wait.interrupt(waiter, now, now == waiter.cancelled and wait.by_cancel or wait.by_limit)
  end
end

--- Begin a limit here, for a running waiter.
function time_bound.enter(self, waiter)
  self.waiter, self.outer = waiter, waiter.limit
  waiter.limit = self
  if self.shields then refresh(waiter) end
end

--- The limit has run out.
--- @param interruption timerlua.Interruption
function time_bound.expire(self, interruption)
  self.over = interruption
  refresh(self.waiter)
end

--- A shield gives up.
function time_bound.expose(self)
  self.shields = false
  refresh(self.waiter)
end

--- The task is cancelled.
--- @param interruption timerlua.Interruption
function time_bound.cancel(waiter, interruption)
  if waiter.cancelled then return end
  waiter.cancelled = interruption
  refresh(waiter)
end

--- The limit ends here, in the order of nesting.
function time_bound.leave(self)
  local waiter = self.waiter
  waiter.limit = self.outer
  if waiter.expired or self.shields then set_expired(waiter, outermost(waiter)) end
end

-- ---------------------------------------------------------------------------
-- the time of a limit

local function ring(self, fn)
  self.id = nil
  fn(self)
end

--- Have `fn(self)` called after `delay`, unless time_bound.disarm comes first: by a
--- sleep for which a function is run in the place of a task.
--- @param delay number|ffi.cdata* seconds, or int64 nanoseconds
--- @return integer status 0, or a negative errno
function time_bound.arm(self, delay, fn)
  local id = core.new_id()
  local call = anchors.bind(ring, self, fn)
  local status
  if type(delay) == "number" then
    status = C.tl_sleep_after(loop, id, delay)
  else
    status = C.tl_sleep_start(loop, id, delay)
  end
  if status ~= 0 then return status end
  anchors.set(id.slot, call)
  self.id = id
  return 0
end

--- As time_bound.arm, but raises.
function time_bound.must_arm(self, delay, fn, where)
  local status = time_bound.arm(self, delay, fn)
  if status ~= 0 then wait.raise_status(where, status) end
end

function time_bound.disarm(self)
  local id = self.id
  if not id then return end -- the time is over, or was never armed
  self.id = nil
  if C.tl_wait_close(loop, id.slot, id.generation) == 0 then anchors.clear(id.slot) end
end

return time_bound
