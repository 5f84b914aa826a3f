-- Watched descriptors: a callback that runs while a file descriptor is ready.
local core = require "timerlua.core.ffi"
local anchors = require "timerlua.core.anchors"
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local fileno = require "timerlua.core.fileno"
local kinds = require "timerlua.core.kinds"
local misuse = require "timerlua.core.misuse"
local suggest = require "timerlua.core.suggest"

local C, loop = core.C, core.loop
local CANCELLED, ENDED = C.TL_CANCELLED, C.TL_ENDED
local READ, WRITE = C.TL_READ, C.TL_WRITE
local INTEREST = { r = READ, w = WRITE, rw = READ + WRITE, edge = READ + WRITE + C.TL_EDGE }

--- @class timerlua.Watch
--- @since 0.1
--- @field fd integer
--- @field interest "r"|"w"|"rw"|"edge"
--- @field name string? yours to set; reports and lists show it
--- @field site string "file:line" where its callback was defined
--- @field kind string "watch"
local Watch = { kind = kinds[C.TL_WATCH] }

suggest.methods(Watch, "watch", { stop = "cancel", close = "cancel", unwatch = "cancel" })

function Watch.__index(self, key)
  if key == "site" then return callable.site(self.fn) end
  return Watch[key]
end

local check_self = check.self_of(Watch, "watch", "a watch")

--- Stop watching; harmless when repeated. The descriptor stays open.
--- @return boolean cancelled false if the watch had ended
function Watch:cancel()
  check_self(self, "cancel")
  local slot = self.id.slot
  local result = C.tl_watch_cancel(loop, slot, self.id.generation)
  if result >= ENDED then anchors.clear(slot) end
  return result % ENDED == CANCELLED
end

--- Let the loop end although the descriptor is watched.
--- @return timerlua.Watch watch itself
function Watch:unref()
  check_self(self, "unref")
  C.tl_watch_ref(loop, self.id.slot, self.id.generation, 0)
  return self
end

--- Keep the loop running while the descriptor is watched, which is the default.
--- @return timerlua.Watch watch itself
function Watch:ref()
  check_self(self, "ref")
  C.tl_watch_ref(loop, self.id.slot, self.id.generation, 1)
  return self
end

local watch = {}

-- Returns as watch.watch does.
local function start(number, interest, fn, ours)
  local self = setmetatable({ fd = number, interest = interest,
    fn = fn, id = core.new_id() }, Watch)
  local status = C.tl_watch_start(loop, self.id, number, INTEREST[interest] + ours)
  if status ~= 0 then return errors.failed("watch fd " .. number, status) end
  anchors.set(self.id.slot, anchors.bind(fn), self)
  return self
end

--- The same as watch.watch for a descriptor of ours, which no script may close.
--- @param fd integer
function watch.keep(fd, interest, fn)
  return start(fd, interest, fn, C.TL_OURS)
end

--- Call `fn` on every turn on which a descriptor is ready (level-triggered), or whenever it
--- becomes ready ("edge"). Errors and hang-ups are reported in any case.
--- @param fd timerlua.Descriptor still belongs to the caller
--- @param interest "r"|"w"|"rw"|"edge" "edge": both directions, edge-triggered; read and
---   write until EAGAIN, because the event is not repeated
--- @param fn fun(watch: timerlua.Watch, ready: string) `ready` has letters of "rweh":
---   readable, writable, error, hang-up; just "e" when the descriptor was closed and
---   another file has its number: the watch has then ended
--- @return timerlua.Watch? watch
--- @return string? message
--- @return string? code "EBADF", "EPERM" (a regular file: it is always ready), "EEXIST"
---   (already watched, or the descriptor of a connection: watch a duplicate; tasks that
---   wait for the descriptor do no harm), "ENOSPC", "ENOMEM"; epoll_ctl(2)
function watch.watch(fd, interest, fn)
  local number = fileno.of("watch", "fd", fd)
  if not INTEREST[interest] then
    misuse.got("watch", 'interest must be "r", "w", "rw" or "edge"', interest)
  end
  callable.check("watch", "fn", fn)
  if C.tl_descriptor_taken(loop, number) ~= 0 then
    return errors.failed("watch fd " .. number, errno.EEXIST)
  end
  return start(number, interest, fn, 0)
end

return watch
