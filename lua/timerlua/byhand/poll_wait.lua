-- Waiting as poll(2) does: for many descriptors, named again for each wait. In a task the
-- kernel is asked first; if no descriptor is ready, they go into an epoll set for the
-- duration of the wait, so that the loop goes on.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local epoll_set = require "timerlua.byhand.epoll_set"
local errno = require "timerlua.core.errno"
local interpreted = require "timerlua.core.interpreted"
local fair = require "timerlua.task.fair"
local readiness = require "timerlua.byhand.readiness"
local rethrow = require "timerlua.task.rethrow"
local wait = require "timerlua.task.wait"

local C, loop = core.C, core.loop
local to_ns = readiness.to_ns
local EINTR, MONOTONIC = errno.EINTR, C.TL_MONOTONIC
local NEWS_MOST = 64

local new_fds = ffi.typeof("tl_poll_fd[?]")
local new_timeout = ffi.typeof("int64_t[1]")
local AT_ONCE = new_timeout(0)

local poll_wait = {
  --- An array of this many tl_poll_fd, all zero.
  array = new_fds,
}

local function ask(fds, count, judge)
  local found
  repeat found = C.tl_poll_wait(fds, count, AT_ONCE) until found ~= EINTR
  if found > 0 and judge then return judge(fds, count) end
  return found
end

-- Go on as long as the set reports only events that the judge ignores.
local function wait_in(set, where, fds, count, delay, judge)
  local start_ns = delay and C.tl_now_ns(loop, MONOTONIC)
  local left = delay
  repeat
    local news, status = set:wait(where, NEWS_MOST, left)
    if not news then return status end
    local timed_out = news.count == 0
    repeat until not news.next()
    local found = ask(fds, count, judge)
    if found ~= 0 or timed_out then return found end
    if delay then left = to_ns(delay) - (C.tl_now_ns(loop, MONOTONIC) - start_ns) end
  until left and left <= 0
  return 0
end

local function gather_and_wait(set, where, fds, count, delay, judge)
  local status = C.tl_poll_gather(fds, count, set.fd)
  if status < 0 then return status end
  if status > 0 then
    local found = ask(fds, count, judge)
    if found ~= 0 then return found end
  end
  return wait_in(set, where, fds, count, delay, judge)
end

local function wait_beside(where, fds, count, delay, judge)
  local set, status = epoll_set.new()
  if not set then return status end
  local ok, found = rethrow.call(gather_and_wait, set, where, fds, count, delay, judge)
  set:close()
  if not ok then rethrow.raise(found) end
  return found
end

-- Interpreted, so that a signal's hook runs between two calls: that is how luajit ends a
-- script at Ctrl-C.
local function block(where, fds, count, delay, judge)
  wait.before_blocking(where, delay)
  local timeout_ns = new_timeout(delay and to_ns(delay) or -1)
  local found
  repeat found = C.tl_poll_wait(fds, count, timeout_ns) until found ~= EINTR
  if found <= 0 or not judge then return found end
  found = judge(fds, count)
  -- poll(2) would at once report again what the judge ignores
  if found ~= 0 or timeout_ns[0] == 0 then return found end
  return wait_beside(where, fds, count, delay and timeout_ns[0], judge)
end
interpreted.keep(block)

--- Let a turn of the loop pass if it is time for one: call this before poll_wait.wait, and
--- collect the descriptors afterwards.
function poll_wait.turn(where)
  if wait.can_suspend() then fair.turn(where) end
end

--- Wait until one of the descriptors is ready, or the time is over.
--- @param where string the public function, for errors and lists
--- @param fds ffi.cdata* from array; revents are set
--- @param count integer the number of entries in use, from the first on
--- @param delay? number|ffi.cdata* seconds or int64 nanoseconds, checked; nil: no end; 0:
---   only check
--- @param judge? fun(fds: ffi.cdata*, count: integer): integer how many of the entries with
---   revents count as ready, or a negative errno; nil: all
--- @return integer found 0 when the time is over; or a negative errno: EMFILE,
---   ENOMEM, ELOOP, EINVAL (more than RLIMIT_NOFILE)
--- @return ffi.cdata* fds the array with the result: another one than the given array after
---   a wait, because the given array may have been changed meanwhile
function poll_wait.wait(where, fds, count, delay, judge)
  if not wait.can_suspend() then return block(where, fds, count, delay, judge), fds end
  local found = ask(fds, count, judge)
  if found ~= 0 or delay == 0 then return found, fds end
  if count == 0 then
    fair.waits()
    wait.suspend(wait.begin(where, delay))
    return 0, fds
  end
  local own = new_fds(count)
  ffi.copy(own, fds, count * ffi.sizeof("tl_poll_fd"))
  return wait_beside(where, own, count, delay, judge), own
end

return poll_wait
