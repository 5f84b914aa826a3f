-- Shared by the specs of timers: virtual time, a log of the callbacks that ran, and the
-- count of objects left.
local bit = require "bit"
local ffi = require "ffi"
local luassert = require "luassert"
local support = require "tests.support"
local tl = require "timerlua"
local clock = tl.clock

ffi.cdef [[
int pipe2(int pipefd[2], int flags);
int close(int fd);
intptr_t write(int fd, const void *bytes, size_t count);
intptr_t read(int fd, void *bytes, size_t count);
]]
local O_NONBLOCK, O_CLOEXEC = 0x800, 0x80000 -- on Linux
local START = 1000 -- seconds

local virtual = {
  --- Empty when a spec begins.
  log = {},
}
local log = virtual.log

--- A function that writes a name into the log.
function virtual.note(name)
  return function() log[#log + 1] = name end
end

function virtual.clear_log()
  for key in pairs(log) do log[key] = nil end
end

--- Have each spec of a file begin in virtual time, and leave nothing behind.
function virtual.each(before_each, after_each)
  local fds

  before_each(function()
    virtual.clear_log()
    fds = support.count_fds()
    clock.virtual { start = START }
  end)

  after_each(function()
    local left = tl.handles()
    for _, row in ipairs(left) do row.handle:cancel() end
    clock.virtual():advance(0)
    clock.real()
    luassert.equal(0, #left)
    luassert.equal(0, tl.stats().handles)
    luassert.is_true(support.count_fds() <= fds + 3) -- a timerfd per clock at most
  end)
end

function virtual.open_pipe()
  local ends = ffi.new("int[2]")
  luassert.equal(0, ffi.C.pipe2(ends, bit.bor(O_NONBLOCK, O_CLOEXEC)))
  return ends[0], ends[1]
end

--- Keep the processor busy for some seconds of real time.
function virtual.busy(seconds)
  local till = tl.now() + seconds
  repeat until tl.now() >= till
end

--- A late loop, made on virtual time: timers on boottime find the time gone.
function virtual.on_boottime(delay, fn)
  return tl.timer { after = delay, clock = "boottime", fn = fn }
end

--- Note the uncaught errors while `fn` runs.
function virtual.collecting_errors(fn)
  local seen = {}
  local subscription = tl.on("error", function(err, traceback, source)
    seen[#seen + 1] = { err = err, traceback = traceback, source = source }
  end)
  local ok, message = pcall(fn)
  subscription:cancel()
  luassert(ok, message)
  return seen
end

--- The functions that `make` returns, or the ones left after a full collection.
function virtual.survivors(make)
  local weak = setmetatable({}, { __mode = "k" })
  make(function(fn)
    weak[fn] = true
    return fn
  end)
  support.collect()
  local count = 0
  for _ in pairs(weak) do count = count + 1 end
  return count
end

return virtual
