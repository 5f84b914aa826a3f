-- What the runtime is doing: live handles and counters.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local anchors = require "timerlua.core.anchors"
local connection = require "timerlua.net.connection.object"
local file_watch = require "timerlua.system.file_watch"
local kinds = require "timerlua.core.kinds"
local misuse = require "timerlua.core.misuse"
local signal = require "timerlua.system.signal"
local task = require "timerlua.task.task"
local udp = require "timerlua.net.udp.object"

local C, loop = core.C, core.loop

local inspect = {}

local function timer_row(t)
  return { kind = kinds[C.TL_TIMER], handle = t, name = t.name, site = t.site, due = t.due,
    period = t.period, runs = t.runs, missed = t.missed_total, clock = t.clock,
    active = t.active, running = t.running, paused = t.paused }
end

local function watch_row(w)
  if w.internal then return nil end
  return { kind = kinds[C.TL_WATCH], handle = w, name = w.name, site = w.site, fd = w.fd,
    interest = w.interest, active = true }
end

local function file_watch_row(w)
  return { kind = "file_watch", handle = w, name = w.name, site = w.site, path = w.path,
    exists = w.exists, active = true }
end

local function process_row(p, active)
  return { kind = "process", handle = p, name = p.name, site = p.site, pid = p.pid,
    active = active }
end

local function task_row(t)
  return { kind = t.kind, handle = t, name = t.name, site = t.site,
    status = t.status, due = t:wakes_at(),
    waiting_for = t.status == "waiting" and t.waiting_for or nil }
end

local function connection_row(c, active)
  local stats = c:stats()
  return { kind = kinds[C.TL_STREAM], handle = c, name = c.name, site = c.site,
    fd = c:fileno(), peer = c:peer(), queued = stats.queued,
    received = stats.received, sent = stats.sent, active = active }
end

local function listener_row(l, active)
  return { kind = kinds[C.TL_LISTENER], handle = l, name = l.name, site = l.site,
    fd = l:fileno(), sock = l:sock(), connections = l.connections, active = active }
end

local function signal_row(s)
  return { kind = "signal", handle = s, name = s.name, site = s.site, active = true }
end

-- Objects that wait by a handle of another kind: their rows, by the kind of object.
local GUESTS = { process = process_row }

-- The row of a handle whose callback has its object: `make` builds the row from the
-- object, unless the object is a guest.
local function anchored(make)
  return function(slot, info)
    local _, object = anchors.get(slot)
    if object == nil or signal.owns(object) then return nil end -- has a row of its own
    return (GUESTS[object.kind] or make)(object, info.active ~= 0)
  end
end

-- A descriptor that tasks read has no callback, so nothing is anchored for it.
local function stream_row(slot, info)
  local object = connection.all[slot]
  return object and connection_row(object, info.active ~= 0)
end

-- The rows by kind of handle; a missing kind gives no row. The handles of tasks' waits are
-- missing: the task has the row, which says what the task waits for.
local ROWS = {
  [C.TL_TIMER] = anchored(timer_row),
  [C.TL_WATCH] = anchored(watch_row),
  [C.TL_STREAM] = stream_row,
  [C.TL_LISTENER] = anchored(listener_row),
  [C.TL_DATAGRAM] = udp.row,
}

--- @class timerlua.Row a live handle
--- @since 0.1
--- @field kind string "timer", "watch", "connection", "listener", "udp", "process", "signal",
---   "file_watch", "task" or "callback"
--- @field handle any the object
--- @field name string?
--- @field site string? "file:line"
--- @field active boolean? whether the handle waits to run, or is watched; not for tasks
--- @field due number? seconds; for timers, and for tasks whose wait has an end
--- @field period number? seconds; for timers
--- @field runs integer? for timers
--- @field missed integer? for timers: their `missed_total`
--- @field clock string? for timers
--- @field running boolean? for timers
--- @field paused boolean? for timers and datagram sockets
--- @field fd integer? for watches, connections, listeners and datagram sockets
--- @field interest string? for watches
--- @field peer string? an address; for connections and datagram sockets
--- @field queued number? bytes; for connections
--- @field received number? bytes; for connections
--- @field sent number? bytes; for connections
--- @field sock string? an address; for listeners
--- @field connections integer? open connections; for listeners
--- @field address string? for datagram sockets
--- @field pid integer? for processes
--- @field path string? for file watches
--- @field exists boolean? for file watches
--- @field status string? for tasks
--- @field waiting_for string? for waiting tasks, such as "sleep" or "channel:receive"

--- List every live handle: timers, watches, sockets, processes, signals and tasks.
--- @return timerlua.Row[] rows a new table
function inspect.handles()
  local rows = {}
  local slot, info = ffi.new("uint32_t[1]", 1), ffi.new("tl_handle_info")
  while true do
    local generation = C.tl_handle_walk(loop, slot)
    if slot[0] == 0 then break end
    C.tl_handle_info_get(loop, slot[0], generation, info)
    local make = ROWS[info.kind]
    rows[#rows + 1] = make and make(slot[0], info)
    slot[0] = slot[0] + 1
  end
  for s in signal.each() do rows[#rows + 1] = signal_row(s) end
  for w in file_watch.each() do rows[#rows + 1] = file_watch_row(w) end
  for t in task.each() do rows[#rows + 1] = task_row(t) end
  return rows
end

local COUNTERS = { "armed", "fired", "cancelled", "turns", "wakeups", "waits",
  "timerfd_sets", "reads", "controls", "accepts", "receives", "sends", "received",
  "sent", "unsent", "handles", "active", "bytes", "errors" }

--- @class timerlua.Lateness how late callbacks of timers began, in seconds
--- @since 0.1
--- @field count number callbacks
--- @field mean number seconds
--- @field p50 number seconds
--- @field p90 number seconds
--- @field p99 number seconds
--- @field max number seconds
--- @field quantile fun(share: number): number seconds, for a share from 0 to 1

local function lateness()
  return {
    count = C.tl_lateness_count(loop),
    mean = C.tl_lateness_mean(loop),
    p50 = C.tl_lateness_quantile(loop, 0.50),
    p90 = C.tl_lateness_quantile(loop, 0.90),
    p99 = C.tl_lateness_quantile(loop, 0.99),
    max = C.tl_lateness_quantile(loop, 1),
    --- @param share number 0..1
    quantile = function(share)
      if type(share) ~= "number" or not (share >= 0 and share <= 1) then
        misuse.got("stats", "quantile must be from 0 to 1", share)
      end
      return C.tl_lateness_quantile(loop, share)
    end,
  }
end

--- @class timerlua.Stats counters since the start
--- @since 0.1
--- @field armed number timers set, again at each reset
--- @field fired number timers run
--- @field cancelled number timers cancelled
--- @field turns number batches collected
--- @field wakeups number returns from a wait that blocked
--- @field system_calls number system calls of the loop and its sockets: the sum of the next
---   seven fields
--- @field waits number epoll_wait(2)
--- @field timerfd_sets number timerfd_settime(2)
--- @field reads number read(2)
--- @field controls number epoll_ctl(2)
--- @field accepts number accept4(2)
--- @field receives number recv(2) and similar calls
--- @field sends number send(2) and similar calls
--- @field received number bytes
--- @field sent number bytes that the kernel accepted
--- @field unsent number bytes that were queued and then dropped, because the connection
---   broke or was aborted
--- @field handles number handles live now
--- @field active number live handles that keep the script running
--- @field bytes number memory of the core's tables
--- @field errors number uncaught errors reported
--- @field lateness timerlua.Lateness

--- Return counters since the start, and how late callbacks began.
--- @return timerlua.Stats stats a new table
function inspect.stats()
  local raw = ffi.new("tl_loop_stats")
  C.tl_loop_stats_get(loop, raw)
  local stats = {}
  for _, key in ipairs(COUNTERS) do stats[key] = raw[key] end
  stats.system_calls = raw.waits + raw.timerfd_sets + raw.reads + raw.controls
    + raw.accepts + raw.receives + raw.sends
  stats.lateness = lateness()
  return stats
end

return inspect
