-- Watched descriptors: a callback while a file descriptor is ready.
local core = require "timerlua.ffi"
local anchors = require "timerlua.anchors"
local callable = require "timerlua.callable"
local errors = require "timerlua.errors"
local misuse = require "timerlua.misuse"

local C, loop = core.C, core.loop
local INTEREST = { r = 1, w = 2, rw = 3 }

--- @class timerlua.Watch
--- @field fd integer
--- @field interest "r"|"w"|"rw"
--- @field name string?
--- @field kind string "watch"
local Watch = {}

function Watch.__index(self, key)
  if key == "site" then return callable.site(self.fn) end
  return Watch[key]
end

local function check_self(self, method)
  if getmetatable(self) ~= Watch then
    misuse.got("watch:" .. method,
      ("it must be called on a watch, as watch:%s()"):format(method), self)
  end
end

--- Stop watching; harmless when repeated. The descriptor stays open.
--- @return boolean cancelled
function Watch:cancel()
  check_self(self, "cancel")
  local slot = self.id.slot
  local result = C.tl_timer_cancel(loop, slot, self.id.generation)
  if result >= 2 then anchors.clear(slot) end
  return result % 2 == 1
end

--- Let the loop end although this is watched; and the opposite.
function Watch:unref()
  check_self(self, "unref")
  C.tl_handle_ref(loop, self.id.slot, self.id.generation, 0)
  return self
end

function Watch:ref()
  check_self(self, "ref")
  C.tl_handle_ref(loop, self.id.slot, self.id.generation, 1)
  return self
end

local function fileno(fd)
  if io.type(fd) == "file" then return C.tl_stream_fd(fd) end
  if type(fd) == "table" or type(fd) == "userdata" then
    local has, method = pcall(function() return fd.fileno end)
    if has and method then return method(fd) end
  end
  return fd
end

local watch = { fileno = fileno }

--- Call `fn` on every turn on which a descriptor is ready (level-triggered).
--- @param fd integer|table|file* a descriptor, an io file, or an object with
---   fileno()
--- @param interest "r"|"w"|"rw"
--- @param fn fun(watch: timerlua.Watch, ready: string) ready: letters of
---   "rweh": readable, writable, error, hang-up
--- @return timerlua.Watch? watch
--- @return string? message
--- @return string? code "EBADF", "EPERM" (a regular file), "EEXIST" (watched
---   already), "ENOSPC", "ENOMEM"; epoll_ctl(2)
function watch.watch(fd, interest, fn)
  local number = fileno(fd)
  if type(number) ~= "number" or number < 0 or number % 1 ~= 0
    or number >= 2 ^ 31 then
    misuse.got("watch", "fd must be a descriptor, an io file or have fileno()", fd)
  end
  if not INTEREST[interest] then
    misuse.got("watch", 'interest must be "r", "w" or "rw"', interest)
  end
  callable.check("watch", "fn", fn)
  local self = setmetatable({ kind = "watch", fd = number, interest = interest,
    fn = fn, id = core.new_id() }, Watch)
  local status = C.tl_watch_start(loop, self.id, number, INTEREST[interest])
  if status ~= 0 then return errors.failed("watch fd " .. number, status) end
  anchors.set(self.id.slot, anchors.bind(fn), self)
  return self
end

return watch
