-- Running child processes: waiting for them, signals, how they end. exec.lua starts them.
--
-- The kernel makes a process's pidfd readable when the process has ended; only this module
-- then reaps it. The handle of the watch belongs to the process. The end of a process that
-- led its own group is also reported at once, but the process is reaped only when the rest
-- of the group has ended or got KILL: until then no other group can get the group's number,
-- so that TERM and KILL reach this group and nothing else.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local anchors = require "timerlua.core.anchors"
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local closing = require "timerlua.core.closing"
local duration = require "timerlua.core.duration"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local misuse = require "timerlua.core.misuse"
local owner = require "timerlua.core.owner"
local signame = require "timerlua.system.signame"
local task = require "timerlua.task.task"
local timer = require "timerlua.loop.timer"
local wait = require "timerlua.task.wait"
local waiters = require "timerlua.task.waiters"

local C, loop = core.C, core.loop
local READ_EDGE = C.TL_READ + C.TL_EDGE + C.TL_OURS
local TERM, KILL = signame.numbers.TERM, signame.numbers.KILL
local AGAIN, NO_SUCH, NO_MEMORY = errno.EAGAIN, errno.ESRCH, errno.ENOMEM
local STALE, CHILD, LIMIT = errno.ESTALE, errno.ECHILD, C.TL_LIMIT
local MOST_AT_EXIT = 5 -- seconds that the remaining processes may take to end
local MOST_IN_HOST = 1 -- the same where the end blocks another program
local AFTER_KILL = 1   -- seconds that KILL may take
local LOOK_AGAIN, LOOK_SELDOM = 0.005, 1 -- seconds between looks at a group
local ended = ffi.new("tl_process_exit")
local id = core.new_id()

local process = {}
local own_id = C.tl_process_id() -- another in a forked child

--- @class timerlua.Process
--- @since 0.1
--- @field kind string "process"
--- @field pid integer its number
--- @field argv string[] the program and its arguments
--- @field name string? yours to set; reports and lists show it
--- @field site string? where on_exit was defined, or where the process was started,
---   "file:line"
--- @field stdin timerlua.Connection? our end, if the option was "pipe"
--- @field stdout timerlua.Connection? as stdin
--- @field stderr timerlua.Connection? as stdin
--- @field status timerlua.Status? how the process ended; nil while it runs
--- @field package rest boolean? the process has ended, but not the rest of its group
--- @field package killed boolean? the process and its group got KILL
local Process = { kind = "process", kill_after = 5, leads_group = false, detached = false }
-- kill_after: seconds from TERM to KILL; leads_group: the process leads its own group,
-- which gets its signals; detached: the process is never ended from here

function Process.__index(self, key)
  if key == "site" then
    return self.on_exit and callable.site(self.on_exit) or misuse.site_of(self.caller)
  end
  return Process[key]
end

--- @class timerlua.Status
--- @since 0.1
--- @field code integer? the exit status, 0 to 255; nil when a signal ended the process
--- @field signal string? "SIGTERM", "SIGKILL" ...
--- @field core boolean the process left a core file
--- @field timed_out boolean the process ran out of its timeout
--- @field user number seconds of processor time, of the process and of the children that it
---   waited for
--- @field system number seconds of processor time in the kernel, as for user
--- @field max_rss number the most bytes in memory, of the largest of these processes
--- @field lost string? "ECHILD": other code has reaped the process, so the rest is not
---   known

function Process.__tostring(self)
  return ("timerlua.Process: %d %s (%s)"):format(self.pid, self.argv[1],
    self.status and "ended" or "running")
end

-- Every process that has not been reaped: a list through the processes.
local last
local ending = false -- end_all looks after the processes

local function enlist(self)
  self.before = last
  if last then last.after = self end
  last = self
end

local function strike(self)
  local before, after = self.before, self.after
  if before then before.after = after end
  if after then after.before = before else last = before end
  self.before, self.after = nil, nil
end

local check_self = check.self_of(Process, "process", "a process")

-- ---------------------------------------------------------------------------
-- ending

-- Built from constants first: then the table has its final size from the beginning, even in
-- a program that carries this code as bytecode.
local function status_of(self, result)
  local status = { code = 0, core = false, timed_out = false, user = 0, system = 0,
    max_rss = 0 }
  if self.timed_out then status.timed_out = true end
  if result < 0 then
    status.code, status.lost = nil, ffi.string(C.tl_error_name(result))
    return status
  end
  local signal = ended.signal
  if signal == 0 then
    status.code = ended.code
  else
    status.code, status.signal, status.core = nil, signame.name(signal), ended.core ~= 0
  end
  status.user, status.system, status.max_rss = ended.user_s, ended.system_s, ended.max_rss
  return status
end

-- Its handle may have been closed, after an error that ended the script.
local function unwatch(self)
  local slot = self.slot
  local pidfd = self.pidfd
  self.pidfd = -1
  if pidfd < 0 then return end
  local _, object = anchors.get(slot)
  if object ~= self then return C.tl_descriptor_close(pidfd) end
  C.tl_watch_close(loop, slot, self.generation)
  anchors.clear(slot)
end

local function cancel_timer(self, name)
  if not self[name] then return end
  self[name]:cancel()
  self[name] = nil
end

-- Nothing of the process is left.
local function forget(self)
  strike(self)
  owner.remove(self)
  cancel_timer(self, "deadline")
  cancel_timer(self, "killer")
  cancel_timer(self, "looker")
end

-- Whether some of the group that the process led still runs. If that is unknown, the group
-- counts as running only if it is to be ended.
local function has_rest(self)
  if not self.leads_group or self.killed then return false end
  local lives = C.tl_group_lives(self.pid)
  return lives > 0 or lives < 0 and self.killer ~= nil
end

local function end_rest(self)
  self.rest = nil
  C.tl_process_reap(self.pid, ended)
  forget(self)
end

-- Check whether the rest of the group has ended: true.
local function is_over(self)
  if self.rest and not has_rest(self) then end_rest(self) end
  return not self.rest
end

local look_again

local function look_later(self, pause)
  if ending then return end
  local looker = timer.after(pause, look_again, self, math.min(2 * pause, LOOK_SELDOM))
  self.looker = looker and looker:unref() -- nil: the end of the program checks
end

function look_again(_, self, pause)
  self.looker = nil
  if not is_over(self) then look_later(self, pause) end
end

-- Reap the process, or, while the rest of its group runs, see how the process ended.
local function take_result(self)
  if self.leads_group and not self.killed then
    local result = C.tl_process_look(self.pid, ended)
    if result == AGAIN then return AGAIN end
    if result == 0 and has_rest(self) then
      self.rest = true
      return 0
    end
  end
  return C.tl_process_reap(self.pid, ended)
end

-- Take the result if the process has ended: true. Everything that waits for the end is
-- informed.
local function reap(self)
  local result = take_result(self)
  if result == AGAIN then return false end
  self.status = status_of(self, result)
  unwatch(self)
  if self.rest then look_later(self, LOOK_AGAIN) else forget(self) end
  local waiting = self.waiting
  self.waiting = nil
  if waiting then
    for waiter in waiting.take, waiting do wait.wake(waiter) end
  end
  return true
end

local AGAIN_AFTER = 0.01 -- seconds

local on_ready

-- Run once by the handle, which is edge-triggered. If another process traces the child, the
-- child can be reaped only some time after its end.
function on_ready(self)
  if self.status then return end
  if not reap(self) then
    timer.after(AGAIN_AFTER, function() return on_ready(self) end)
    return
  end
  local on_exit = self.on_exit
  if not on_exit then return end
  task.outlive(self)
  return on_exit(self, self.status)
end

local function start_watch(self)
  local status = C.tl_watch_start(loop, id, self.pidfd, READ_EDGE)
  if status ~= 0 then return status end
  self.slot, self.generation = id.slot, id.generation
  anchors.set(self.slot, on_ready, self)
  return 0
end

-- ---------------------------------------------------------------------------
-- signals

local function send(self, number)
  if self.status and is_over(self) then return NO_SUCH end
  local status = C.tl_process_kill(self.pid, self.pidfd, number, self.leads_group and 1 or 0)
  if number == KILL and status == 0 then
    self.killed = true
    if self.rest then end_rest(self) end
  end
  return status
end

local function failed(self, what, status)
  return errors.failed(("%s %s (%d)"):format(what, self.argv[1], self.pid), status)
end

--- Send a signal to the process; with pgroup = true, to its whole group, or what is left of
--- it.
--- @param signal string|integer|nil "TERM" (the default), "SIGTERM" or 15
--- @return boolean? sent true
--- @return string? message
--- @return string? code "ESRCH" when the process has ended, "EPERM"; kill(2)
function Process:kill(signal)
  check_self(self, "kill")
  local number = signal == nil and TERM or signame.number("process:kill", "signal", signal)
  local status = send(self, number)
  if status == 0 then return true end
  return failed(self, "kill", status)
end

local function kill_late(_, self)
  self.killer = nil
  send(self, KILL)
end

-- Send TERM now and KILL later.
local function begin_end(self, kill_after)
  local status = send(self, TERM)
  if status ~= 0 then return status end
  cancel_timer(self, "killer")
  local killer = timer.after(kill_after or self.kill_after, kill_late, self)
  self.killer = killer and killer:unref()
  if not killer then return send(self, KILL) end -- ENOMEM
  return 0
end

--- End the process: TERM now, and KILL if it has not ended in time. Does not wait.
--- @param kill_after? timerlua.Duration default: the option of the same name
--- @return boolean? begun true
--- @return string? message
--- @return string? code "ESRCH" when the process has ended, "EPERM"; kill(2)
function Process:stop(kill_after)
  check_self(self, "stop")
  if kill_after ~= nil then
    kill_after = duration.of("process:stop", "kill_after", kill_after)
  end
  local status = begin_end(self, kill_after)
  if status == 0 then return true end
  return failed(self, "stop", status)
end

--- The owner was cut short: the loop keeps running until the process has ended.
--- @internal
function Process:disowned()
  begin_end(self)
  self.unreferenced = nil
  if not self.status then C.tl_watch_ref(loop, self.slot, self.generation, 1) end
end

local function time_over(_, self)
  self.deadline = nil
  if not self.status then self.timed_out = true end
  begin_end(self)
end

-- ---------------------------------------------------------------------------
-- waiting

-- The tasks that wait for the process. When the last of them leaves before the process has
-- ended, the process is unreferenced again if it was.
local function remove_waiter(queue, waiter)
  waiters.remove(queue, waiter)
  local self = queue.process
  if queue.count == 0 and self.unreferenced and not self.status then
    C.tl_watch_ref(loop, self.slot, self.generation, 0)
  end
end

local function new_queue(self)
  local queue = waiters.new()
  queue.process, queue.remove = self, remove_waiter
  return queue
end

--- Wait until the process has ended; any number of tasks may wait. An unreferenced process
--- keeps the loop running during the wait.
--- @param limit? timerlua.Duration the longest wait
--- @return timerlua.Status? status
--- @return string? message
--- @return string? code "ETIMEDOUT"; "ECANCELED": the loop ended first, in the
---   main chunk of a plain luajit
function Process:wait(limit)
  check_self(self, "wait")
  if limit ~= nil then limit = duration.of("process:wait", "limit", limit) end
  if self.status then return self.status end
  local waiter = wait.begin("process:wait", limit)
  if C.tl_watch_ref(loop, self.slot, self.generation, 1) == STALE then
    local status = start_watch(self) -- called by a "stop" handler after an error
    if status ~= 0 then
      wait.abandon(waiter)
      return failed(self, "wait", status)
    end
  end
  self.waiting = self.waiting or new_queue(self)
  self.waiting:add(waiter)
  local result = wait.suspend(waiter)
  if self.status then return self.status end
  if result == wait.loop_ended then return nil, "the loop ended", "ECANCELED" end
  return nil, "timeout", "ETIMEDOUT"
end

--- Let the loop end although the process runs. The end of the program ends the process,
--- unless it is detached.
--- @return timerlua.Process process itself
function Process:unref()
  check_self(self, "unref")
  self.unreferenced = true
  if not (self.waiting and self.waiting.count > 0) then
    C.tl_watch_ref(loop, self.slot, self.generation, 0)
  end
  return self
end

--- Keep the loop running while the process runs, which is the default.
--- @return timerlua.Process process itself
function Process:ref()
  check_self(self, "ref")
  self.unreferenced = nil
  C.tl_watch_ref(loop, self.slot, self.generation, 1)
  return self
end

-- ---------------------------------------------------------------------------
-- making

local function await(list, seconds)
  local pidfds = ffi.new("int32_t[?]", #list)
  for i, self in ipairs(list) do pidfds[i - 1] = self.pidfd end
  C.tl_process_await(pidfds, #list, seconds)
end

-- Kill and reap a process that cannot be watched.
local function discard(self)
  C.tl_process_kill(self.pid, self.pidfd, KILL, 0)
  await({ self }, AFTER_KILL)
  C.tl_process_reap(self.pid, ended)
  C.tl_descriptor_close(self.pidfd)
end

--- Whether one more can be looked after, in a forked child or within the host's
--- limit: a status. One that is not started does nothing, while another would
--- have to be killed.
function process.room()
  if C.tl_process_id() ~= own_id then return CHILD end
  if not wait.is_hosted() then return 0 end
  local status = C.tl_readiness_open(loop, id, -1)
  if status == 0 then C.tl_readiness_close(loop, id.slot, id.generation) end
  return status
end

--- Make the object of a process that has just been started.
--- @param self table pid, pidfd, argv, and other known fields
--- @param limit? number|ffi.cdata* how long the process may run
--- @return timerlua.Process? process
--- @return integer? status why not; the process has then been killed
function process.adopt(self, limit)
  setmetatable(self, Process)
  local status = start_watch(self)
  if status ~= 0 then
    discard(self)
    return nil, status
  end
  enlist(self)
  if not limit then return self end
  local code, _
  self.deadline, _, code = timer.after(limit, time_over, self)
  if self.deadline then
    self.deadline:unref()
    return self
  end
  strike(self)
  if C.tl_watch_cancel(loop, self.slot, self.generation) >= C.TL_ENDED then
    anchors.clear(self.slot)
  end
  discard(self)
  return nil, code == "ELIMIT" and LIMIT or NO_MEMORY
end

-- The processes and groups that have not ended.
local function sweep(list)
  local left = {}
  for _, self in ipairs(list) do
    if not self.status then reap(self) end
    if not self.status or not is_over(self) then left[#left + 1] = self end
  end
  return left
end

local function leads_group(list)
  for _, self in ipairs(list) do
    if self.leads_group then return true end
  end
  return false
end

-- Wait until they have ended, for a bounded time; returns those that have not. The kernel
-- does not report the end of a group, so groups are polled.
local function outlast(list, seconds)
  local over = C.tl_manager_clock() + seconds * 1e6
  while leads_group(list) and C.tl_manager_clock() < over do
    local pause = ffi.new("int64_t[1]", LOOK_AGAIN * 1e9)
    C.tl_readiness_block(-1, 0, pause)
    list = sweep(list)
  end
  local left = (over - C.tl_manager_clock()) / 1e6
  if #list > 0 and left > 0 then await(list, left) end
  return sweep(list)
end

--- The program ends, or the host frees the runtime: end and reap every process that is not
--- detached, and what is left of their groups. Waits, without the loop, for a bounded time.
--- In a forked child, the processes belong to the parent.
function process.end_all()
  if C.tl_process_id() ~= own_id then return end
  local most = wait.is_hosted() and MOST_IN_HOST or MOST_AT_EXIT
  local list, longest = {}, 0
  local each = last
  while each do
    if not each.detached then list[#list + 1] = each end
    each = each.before
  end
  ending = true
  list = sweep(list)
  for _, self in ipairs(list) do
    longest = math.max(longest, math.min(self.kill_after, most))
    send(self, TERM)
  end
  if #list > 0 then list = outlast(list, longest) end
  for _, self in ipairs(list) do send(self, KILL) end
  if #list > 0 then await(list, AFTER_KILL) end
  sweep(list)
  ending = false
end

-- A plain luajit and a host's runtime end only this way. Detached processes, and those that
-- not even KILL has ended, are then left alone. Kept by the module's table.
local end_all = process.end_all
closing.at("exit", end_all)

process.sentinel = newproxy(true)
getmetatable(process.sentinel).__gc = function()
  end_all()
  while last do
    local self = last
    strike(self)
    C.tl_process_reap(self.pid, ended)
    unwatch(self)
  end
end

return process
