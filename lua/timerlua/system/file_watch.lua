-- Watched paths: a callback when a file is created, modified, moved or deleted. The watch
-- follows the path, not the file: the file may be replaced, or may disappear with its
-- directory and return. For that the kernel watches
--
--   the file itself, if it exists         its contents change
--   the nearest existing directory        the next part of the path comes or goes
--   all directories above but the root    they are moved or deleted; directories
--                                         that may not be read are not watched
--   directories of symbolic links, and    the links, and the entries that they
--   directories on the way to targets     lead through, come or go
local ffi = require "ffi"
local bit = bit
local core = require "timerlua.core.ffi"
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local entries = require "timerlua.core.entries"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local file_events = require "timerlua.system.file_events"
local file_links = require "timerlua.system.file_links"
local file_snapshot = require "timerlua.system.file_snapshot"
local misuse = require "timerlua.core.misuse"
local task = require "timerlua.task.task"

local C = core.C
local band, bor = bit.band, bit.bor
local MODIFY, DELETE, MOVED_FROM = C.TL_FILE_MODIFY, C.TL_FILE_DELETE, C.TL_FILE_MOVED_FROM
local DELETE_SELF, MOVE_SELF = C.TL_FILE_DELETE_SELF, C.TL_FILE_MOVE_SELF
local ONLY_DIRECTORY = C.TL_FILE_ONLY_DIRECTORY
local APPEARS = bor(C.TL_FILE_CREATE, C.TL_FILE_MOVED_TO)
local ENTRIES = bor(APPEARS, DELETE, MOVED_FROM)
local GONE = bor(DELETE_SELF, MOVE_SELF, C.TL_FILE_UNMOUNT, C.TL_FILE_IGNORED)
local PATH_ROOM = C.TL_PATH_ROOM
local SELF = bor(DELETE_SELF, MOVE_SELF, ONLY_DIRECTORY)
local ENOENT, EACCES, ENOTDIR = errno.ENOENT, errno.EACCES, errno.ENOTDIR

--- @class timerlua.FileWatch
--- @since 0.1
--- @field path string as it was given
--- @field exists boolean whether the file exists, according to the events reported so far
--- @field kind string "file_watch"
--- @field name string? yours to set; reports and lists show it
--- @field site string "file:line" where its callback was defined
local FileWatch = { kind = "file_watch" }

function FileWatch.__index(self, key)
  if key == "site" then return callable.site(self.fn) end
  return FileWatch[key]
end

function FileWatch.__tostring(self)
  return ("timerlua.FileWatch: %s%s"):format(self.path, self.active and "" or " (cancelled)")
end

local file_watch = {}
local active = {}

local check_self = check.self_of(FileWatch, "file_watch", "a file watch", "watch")

-- ---------------------------------------------------------------------------
-- reporting

local function new_queue()
  return { first = 1, last = 0 }
end

local run_next

-- One event after the other, each as a callback that may wait.
local function run_event(self)
  task.become(self, self.fn, run_next)
  local queue = self.queue
  local event = queue[queue.first]
  if not event then return end
  queue[queue.first], queue.first = nil, queue.first + 1
  return self.fn(self, unpack(event, 1, event.n))
end

function run_next(self)
  self.busy = self.queue.first <= self.queue.last
  if self.busy then task.spawn(run_event, self) end
end

local function tell(self, event, path, ...)
  if not self.active then return end
  local queue = self.queue
  local last = queue[queue.last]
  if event == "modify" and last and last[1] == event and last[2] == path then return end
  queue.last = queue.last + 1
  queue[queue.last] = { n = 2 + select("#", ...), event, path, ... }
  if not self.busy then run_next(self) end
end

-- ---------------------------------------------------------------------------
-- watching

local function release(uses)
  for _, use in ipairs(uses) do file_events.remove(use) end
end

-- A use of the kernel's watch of a path, added to uses; or nil, status.
local function add(self, uses, path, mask, on_event, index)
  local use = { path = path, on_event = on_event, watch = self, index = index }
  local number = file_events.add(use, mask)
  if number < 0 then return nil, number end
  uses[#uses + 1] = use
  return use
end

local function is_missing(status)
  return status == ENOENT or status == ENOTDIR
end

local on_way, on_link, on_target, on_hidden -- called by the kinds of uses

-- The nearest existing directory: its index, or nil, status. A directory that was created
-- after the one below it was looked up is found in the next round.
local function add_nearest(self, uses)
  local directories = self.directories
  local index, status = #directories, nil
  if index == 0 then return 0 end -- the root
  while index >= 1 do
    local use
    use, status = add(self, uses, directories[index], bor(ENTRIES, SELF), on_way, index)
    if use then break end
    if not is_missing(status) then return nil, status end
    index = index - 1
  end
  if index < 1 then return nil, status end
  if index < #directories then
    local below = add(self, uses, directories[index + 1], bor(ENTRIES, SELF), on_way, index + 1)
    if below then
      release(uses)
      for i = #uses, 1, -1 do uses[i] = nil end
      return add_nearest(self, uses)
    end
  end
  return index
end

-- Watch the entries that links lead through. Entries that cannot be watched are skipped:
-- their directory may not be read, or is gone, which other watches report.
local function add_links(self, uses)
  file_links.walk(self.names, function(directory, name)
    local use = add(self, uses, directory, bor(ENTRIES, ONLY_DIRECTORY), on_link)
    if use then use.name = name end
  end)
end

-- Watch what exists of the path now, whatever was watched before. Returns 0, or the reason
-- why the path cannot be watched.
local function attach(self)
  local uses, number, exists = {}, nil, false
  local index, status = add_nearest(self, uses)
  if index then add_links(self, uses) end
  if index == #self.directories then
    local use
    use, status = add(self, uses, self.full, bor(ENTRIES, MODIFY), on_target)
    number, exists = use and use.number, use ~= nil
    if status == EACCES then -- not readable, but visible from its directory
      use, status = add(self, uses, self.directories[index], MODIFY, on_hidden, index)
      exists = use ~= nil
    end
    if is_missing(status) then status = nil end
  end
  for i = 2, (index or 0) - 1 do
    if status then break end
    local use
    use, status = add(self, uses, self.directories[i], SELF, on_way, i)
    if not use and is_missing(status) then -- gone while we looked
      release(uses)
      return attach(self)
    end
    if status == EACCES then status = nil end -- passed through, but not watched
  end
  release(self.uses)
  self.uses = uses
  if status and not (index and is_missing(status)) then return status end
  if not exists then
    self.snapshot = nil
  elseif not (self.snapshot and number == self.number) then
    self.snapshot = file_snapshot.of(self.full)
  end
  self.exists, self.number = exists, number
  return 0
end

local function reason(status)
  local _, message, code = errors.failed("", status)
  return file_events.limits[code] or message:sub(3), code
end

local function stop(self)
  self.active, active[self] = false, nil
  release(self.uses)
  if not self.unreferenced then file_events.hold(false) end
  file_events.leave()
end

-- The watch cannot go on: report that as the last event.
local function give_up(self, status)
  tell(self, "error", self.path, reason(status))
  stop(self)
end

local function reattach(self)
  local status = attach(self)
  if status ~= 0 then give_up(self, status) end
  return status == 0
end

-- Something happened on the way: look at what exists now. `new`: an existing file has taken
-- the place of another.
local function compare(self, word, new)
  local existed, number = self.exists, self.number
  if not reattach(self) then return end
  if existed and not self.exists then tell(self, word or "delete", self.path) end
  if self.exists and not (existed and number == self.number) then
    if existed and not new then tell(self, word or "delete", self.path) end
    tell(self, "create", self.path)
  end
end

-- The path itself has appeared.
local function appeared(self)
  local existed, number = self.exists, self.number
  if not reattach(self) then return end
  if existed and number and number == self.number then return end -- already known
  if not self.exists and file_links.is_link(self.full) then return end -- to nothing
  self.exists = true -- even for a moment: its end is reported too
  tell(self, "create", self.path)
end

local function vanished(self, word, ...)
  if self.exists then tell(self, word, self.path, ...) end
  self.exists, self.number = false, nil
  if reattach(self) and self.exists then tell(self, "create", self.path) end
end

function on_way(use, event)
  local self, mask = use.watch, event.mask
  if band(mask, GONE) ~= 0 then
    return compare(self, band(mask, MOVE_SELF) ~= 0 and "move" or nil)
  end
  if event.name ~= self.names[use.index] then return end
  if use.index < #self.directories then
    compare(self, band(mask, MOVED_FROM) ~= 0 and "move" or nil)
  elseif band(mask, APPEARS) ~= 0 then
    appeared(self)
  elseif band(mask, DELETE) ~= 0 then
    vanished(self, "delete")
  elseif band(mask, MOVED_FROM) ~= 0 then
    vanished(self, "move", event.to)
  end
end

function on_link(use, event)
  if event.name ~= use.name then return end
  local mask = event.mask
  return compare(use.watch, band(mask, MOVED_FROM) ~= 0 and "move" or nil,
    band(mask, APPEARS) ~= 0)
end

local function changed(self)
  if self.snapshot then self.snapshot:changed() end
  tell(self, "modify", self.path)
end

local function path_of(self, name)
  return self.path:gsub("/+$", "") .. "/" .. name
end

-- Events of a file that may not be read come from its directory.
function on_hidden(use, event)
  local self = use.watch
  if event.name == self.names[use.index] and band(event.mask, MODIFY) ~= 0 then
    changed(self)
  end
end

-- The file itself, or entries of a directory.
function on_target(use, event)
  local self, mask = use.watch, event.mask
  if band(mask, bor(ENTRIES, MODIFY)) == 0 then return end
  local snapshot, name = self.snapshot, event.name
  if not name then return changed(self) end
  if snapshot and band(mask, bor(DELETE, MOVED_FROM)) ~= 0 then
    snapshot:ended(name)
  elseif snapshot then
    snapshot:changed(name)
  end
  local path = path_of(self, name)
  if band(mask, MODIFY) ~= 0 then
    tell(self, "modify", path)
  elseif band(mask, DELETE) ~= 0 then
    tell(self, "delete", path)
  elseif band(mask, MOVED_FROM) ~= 0 then
    tell(self, "move", path, event.to)
  elseif event.paired ~= use.number then -- a move inside was reported as one event
    tell(self, "create", path)
  end
end

-- What came, changed and went while the kernel dropped events. Events that follow may tell
-- some of it once more.
local function catch_up(self, before)
  if not (before and self.active and self.exists) then return end
  local now = file_snapshot.of(self.full)
  if before.entries and not now.entries then return end -- EMFILE: after the next overflow
  self.snapshot = now
  before:differences(now, function(event, name)
    tell(self, event, name and path_of(self, name) or self.path)
  end)
end

local function tell_overflow()
  local all = {}
  for self in entries(active) do all[#all + 1] = self end
  for _, self in ipairs(all) do
    local before = self.snapshot
    tell(self, "overflow", self.path)
    compare(self)
    if self.snapshot == before then catch_up(self, before) end -- else it is another file
  end
end

-- ---------------------------------------------------------------------------
-- the object

--- Stop watching; harmless when repeated. Pending events are not reported any more.
--- @return boolean cancelled false if it was cancelled before
function FileWatch:cancel()
  check_self(self, "cancel")
  self.queue = new_queue()
  if not self.active then return false end
  stop(self)
  return true
end

local function refer(self, on)
  if self.active and (self.unreferenced or false) == on then file_events.hold(on) end
  self.unreferenced = not on
  return self
end

--- Let the loop end although this path is watched.
--- @return timerlua.FileWatch watch itself
function FileWatch:unref()
  check_self(self, "unref")
  return refer(self, false)
end

--- Keep the loop running while this path is watched, which is the default.
--- @return timerlua.FileWatch watch itself
function FileWatch:ref()
  check_self(self, "ref")
  return refer(self, true)
end

-- The absolute path, without redundant parts; or nil, status.
local function absolute(path)
  if path:sub(1, 1) ~= "/" then
    local text = ffi.new("char[?]", PATH_ROOM)
    local status = C.tl_working_directory(text, PATH_ROOM)
    if status ~= 0 then return nil, status end
    path = ffi.string(text) .. "/" .. path
  end
  local names = {}
  for name in string.gmatch(path, "[^/]+") do
    if name ~= "." then names[#names + 1] = name end
  end
  return names
end

local function new(path, fn, names)
  local directories = { "/" }
  for i = 1, #names - 1 do
    directories[i + 1] = "/" .. table.concat(names, "/", 1, i)
  end
  if #names == 0 then directories = {} end
  return setmetatable({ path = path, fn = fn, names = names, directories = directories,
    full = "/" .. table.concat(names, "/"), uses = {}, queue = new_queue(), active = true,
    exists = false }, FileWatch)
end

local function failed(path, status, message, code)
  if status then message, code = reason(status) end
  return nil, ("on_file %s: %s"):format(path, message), code
end

--- Call `fn` when the file at a path is created, modified, moved or deleted; inotify(7).
--- Neither the file nor its directories need exist yet, and all of them may be replaced.
--- For a directory, events of its entries are reported. Calls of `fn` do not overlap.
--- Events:
---   "create": the file was created, or another file took its place
---   "modify": the contents changed; several changes may be reported as one event
---   "move": the file was moved; the new path follows, if its directory is watched
---   "delete": the file was removed
---   "overflow": the kernel had to drop events
---   "error": the path cannot be watched any more; a message and a code follow
--- @param path string not empty
--- @param fn fun(watch: timerlua.FileWatch, event: string, path: string, ...) may wait
--- @return timerlua.FileWatch? watch
--- @return string? message
--- @return string? code "ENOSPC", "EMFILE" (limits of inotify), "EACCES" (for a directory),
---   "ELOOP", "ENAMETOOLONG", "ENOMEM"
function file_watch.on_file(path, fn)
  if type(path) ~= "string" or path == "" or path:find("\0", 1, true) then
    misuse.got("on_file", "path must be a string, not empty and without zeroes", path)
  end
  callable.check("on_file", "fn", fn)
  local names, status = absolute(path)
  if not names then return failed(path, status) end
  local message, code
  status, message, code = file_events.enter()
  if status ~= 0 then return failed(path, status, message, code) end
  local self = new(path, fn, names)
  status = attach(self)
  if status ~= 0 then
    release(self.uses)
    file_events.leave()
    return failed(path, status)
  end
  active[self] = true
  file_events.hold(true)
  return self
end

--- Iterate over the watches that are not cancelled.
function file_watch.each()
  return pairs(active)
end

file_events.on_overflow(tell_overflow)

return file_watch
