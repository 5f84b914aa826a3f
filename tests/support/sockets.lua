-- Shared by the specs of sockets: pairs of connections, and the count of open objects
-- before and after.
local buffer = require "string.buffer"
local ffi = require "ffi"
local support = require "tests.support"
local luassert = require "luassert"
local tl = require "timerlua"
local core = require "timerlua.core.ffi"

local sockets = {}

--- The core's counters.
function sockets.stats()
  local stats = ffi.new("tl_loop_stats")
  core.C.tl_loop_stats_get(core.loop, stats)
  return stats
end

local function open_now()
  support.collect()
  local stats = sockets.stats()
  return { fds = support.count_fds(), handles = stats.handles, active = stats.active }
end

--- Run `fn` as a task, for a limited number of seconds; then everything that it opened
--- must be closed, or garbage.
function sockets.run(fn, seconds)
  if core.C.tl_clock_is_virtual(core.loop) ~= 0 then tl.clock.real() end
  repeat -- opens the loop's timerfd, unless the time is over before it waits
    tl.timeout(0.001, tl.sleep, 0.01)
  until sockets.stats().timerfd_sets > 0
  local before = open_now()
  local ok, message = pcall(function()
    local _, err = tl.timeout(seconds or 20, function()
      return tl.spawn(fn):join()
    end)
    luassert.equal(nil, err)
  end)
  if not ok then
    for _, row in ipairs(tl.handles()) do
      local finish = row.handle.cancel or row.handle.close
      if finish then finish(row.handle) end
    end
    error(message, 0)
  end
  for _ = 1, 100 do -- the last closings are reported on the next turns
    if sockets.stats().handles <= before.handles then break end
    support.collect()
    tl.sleep(0.001)
  end
  luassert.same(before, open_now())
end

--- A callback with the garbage collected before and after it.
function sockets.collecting(fn)
  return function(...)
    collectgarbage()
    return (function(...)
      collectgarbage()
      return ...
    end)(fn(...))
  end
end

--- Wait until `condition()` holds, turn by turn.
function sockets.till(condition, what)
  local deadline = tl.now() + 10
  while not condition() do
    if tl.now() > deadline then error("never came: " .. (what or "what was waited for"), 2) end
    tl.sleep(0)
  end
end

--- Turns enough for data in transit on loopback.
function sockets.turns(count)
  for _ = 1, count or 5 do tl.sleep(0) end
end

--- A listener's side and a client's side of one connection; neither is closed
--- automatically.
function sockets.pair(opts, addr)
  local options = { autoclose = false }
  for name, value in pairs(opts or {}) do options[name] = value end
  local theirs
  local listener = assert(tl.listen(addr or "127.0.0.1:0", function(conn) theirs = conn end,
    options))
  local client_options = {}
  for name, value in pairs(opts or {}) do client_options[name] = value end
  local ours = assert(tl.connect(listener:sock(), client_options))
  sockets.till(function() return theirs end, "the connection")
  listener:close()
  return theirs, ours
end

--- Specs of connections in both modes: specs(name, make, edge) gets a suffix for the
--- names of subjects, and the function that makes a pair.
function sockets.in_both_modes(specs)
  for _, edge in ipairs { false, true } do
    specs(edge and " (edge)" or "", function(opts, addr)
      local all = { edge = edge }
      for key, value in pairs(opts or {}) do all[key] = value end
      return sockets.pair(all, addr)
    end, edge)
  end
end

--- The results of a call, with their number.
function sockets.pack(...)
  return { n = select("#", ...), ... }
end

--- Bytes in which no two places look alike.
function sockets.pattern_of(length)
  local parts = buffer.new(length)
  local i = 0
  while #parts < length do
    i = i + 1
    parts:putf("%d,", i)
  end
  return parts:get(length)
end

return sockets
