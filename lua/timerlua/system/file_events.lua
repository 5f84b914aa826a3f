-- The kernel's events of files, inotify(7): one descriptor for all users, open while there
-- are any. Watches of the same file are one watch in the kernel.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local entries = require "timerlua.core.entries"
local errno = require "timerlua.core.errno"
local watch = require "timerlua.loop.watch"

local C = core.C
local band = require "bit".band
local AGAIN, CHILD = errno.EAGAIN, errno.ECHILD
local IGNORED, OVERFLOW = C.TL_FILE_IGNORED, C.TL_FILE_OVERFLOW
local HEAD = ffi.sizeof("tl_file_event") -- before a name
local ROOM = 65536
local MOST_READS = 16 -- in a turn, so that others get their turn

local file_events = {
  --- inotify(7), section "Limits and resource consumption", in words.
  limits = {
    ENOSPC = "the limit fs.inotify.max_user_watches is reached",
    EMFILE = "the limit fs.inotify.max_user_instances or that of descriptors is reached",
  },
}

local fd, reader -- inotify's descriptor, and its watch
local records = {} -- uses, by number of the kernel's watch
local serial = 0
local process = C.tl_process_id() -- the process that owns the kernel's watches
local users, holders = 0, 0 -- how many want events; how many keep the loop running
local buffer
local tell_overflow -- see file_events.on_overflow

--- @class timerlua.FileEvent
--- @field mask integer TL_FILE_...
--- @field name string? the entry of a directory
--- @field to string? the new path of a moved file, if its directory is watched too

local function is_older(one, other)
  return one.serial < other.serial
end

-- Inform all uses of a watch, in the order in which they began.
local function tell_uses(record, event)
  local uses = {} -- they change while they are informed
  for use in entries(record) do uses[#uses + 1] = use end
  if #uses > 1 then table.sort(uses, is_older) end
  for _, use in ipairs(uses) do
    if record[use] then use.on_event(use, event) end
  end
end

-- The new path of a moved file: normally the other half of the move follows at once.
local function moved_to(events, from)
  for i = from + 1, #events do
    local other = events[i]
    if other.cookie == events[from].cookie then
      local record = records[other.number]
      local use = record and next(record)
      other.paired = events[from].number
      return use and use.path .. "/" .. other.name
    end
  end
end

local function parse(length)
  local events, offset = {}, 0
  while offset < length do
    local raw = ffi.cast("tl_file_event *", buffer + offset)
    events[#events + 1] = { number = raw.watch, mask = raw.mask, cookie = raw.cookie,
      name = raw.length > 0 and ffi.string(buffer + offset + HEAD) or nil }
    offset = offset + HEAD + raw.length
  end
  return events
end

local function tell(events)
  for i, event in ipairs(events) do
    local record = records[event.number]
    if event.cookie ~= 0 and not event.paired then event.to = moved_to(events, i) end
    if band(event.mask, IGNORED) ~= 0 then records[event.number] = nil end
    if band(event.mask, OVERFLOW) ~= 0 then
      tell_overflow()
    elseif record then
      tell_uses(record, event)
    end
  end
end

local function read_events()
  for _ = 1, MOST_READS do
    local length = fd and C.tl_inotify_read(fd, buffer, ROOM) or AGAIN
    if length <= 0 then return end
    tell(parse(length))
  end
end

-- ---------------------------------------------------------------------------
-- users of events

local function open()
  local status = C.tl_inotify_open()
  if status < 0 then return status end
  fd = status
  buffer = buffer or ffi.new("char[?]", ROOM)
  local message
  reader, message, status = watch.keep(fd, "r", read_events)
  if reader then
    reader.internal = true
    reader:unref()
    return 0
  end
  C.tl_descriptor_close(fd)
  fd = nil
  return nil, message, status
end

local function close_descriptor()
  if fd then C.tl_descriptor_close(fd) end
  fd = nil
end

local function close()
  reader:cancel()
  close_descriptor()
  reader, records = nil, {}
end

-- The state may be closed while there are users. Kept by the module's table.
file_events.sentinel = newproxy(true)
getmetatable(file_events.sentinel).__gc = close_descriptor

--- Have `fn` called when events were lost: for the module that tracks the state of the
--- files.
function file_events.on_overflow(fn)
  if tell_overflow then error("lost events are handled already", 2) end
  tell_overflow = fn
end

--- Begin to use events. 0 or a negative errno; or nil, message, code.
function file_events.enter()
  if not fd then
    local status, message, code = open()
    if status ~= 0 then return status, message, code end
  end
  users = users + 1
  return 0
end

--- Stop using events.
function file_events.leave()
  users = users - 1
  if users == 0 then close() end
end

--- Keep the loop running for a user of events, or stop doing so.
function file_events.hold(on)
  holders = holders + (on and 1 or -1)
  if not reader then return end
  if holders > 0 then reader:ref() else reader:unref() end
end

--- Have on_event(use, event) called for events of the file at a path.
--- @param use table path, on_event; number is set
--- @return integer number of the kernel's watch, which is the same for the same file; or a
---   negative errno
function file_events.add(use, mask)
  if C.tl_process_id() ~= process then return CHILD end
  local number = C.tl_inotify_add(fd, use.path, mask)
  if number < 0 then return number end
  serial = serial + 1
  use.number, use.serial = number, serial
  records[number] = records[number] or {}
  records[number][use] = true
  return number
end

--- Stop the events of a use.
function file_events.remove(use)
  local record = records[use.number]
  if not (record and record[use]) then return end
  record[use] = nil
  if next(record) == nil then
    records[use.number] = nil
    if C.tl_process_id() == process then C.tl_inotify_remove(fd, use.number) end
  end
end

return file_events
