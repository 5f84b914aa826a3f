-- The state of a watched path at some time, to be compared with the present one when the
-- kernel has dropped events: of a directory, its entries, each with a stamp of its size,
-- time of modification and inode; of any other file, its own stamp. A change that was
-- reported meanwhile makes a stamp unknown: it then differs from every other.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local entries = require "timerlua.core.entries"

local C = core.C
local UNKNOWN = false

local new_cell = ffi.typeof("tl_listing *[1]")
local new_name, new_stamp = ffi.typeof("const char *[1]"), ffi.typeof("double[1]")

--- @class timerlua.FileSnapshot
--- @field entries table<string, number|false>? by name
--- @field stamp number|false of a file that is no directory, or cannot be listed
local Snapshot = {}
Snapshot.__index = Snapshot

local file_snapshot = {}

local function list(path)
  local cell = new_cell()
  if C.tl_listing_open(cell, path) ~= 0 then return nil end
  local listing = ffi.gc(cell[0], C.tl_listing_close)
  local stamps, name, stamp = {}, new_name(), new_stamp()
  local status = C.tl_listing_next(listing, name, stamp)
  while status > 0 do
    stamps[ffi.string(name[0])] = stamp[0]
    status = C.tl_listing_next(listing, name, stamp)
  end
  C.tl_listing_close(ffi.gc(listing, nil))
  return status == 0 and stamps or nil
end

--- The present state of an existing path.
--- @return timerlua.FileSnapshot snapshot
function file_snapshot.of(path)
  local stamps = list(path)
  return setmetatable({ entries = stamps, stamp = not stamps and C.tl_file_stamp(path) },
    Snapshot)
end

--- A change was reported: of an entry or, without a name, of the file itself.
function Snapshot:changed(name)
  if not name then
    self.stamp = UNKNOWN
  elseif self.entries then
    self.entries[name] = UNKNOWN
  end
end

--- The end of an entry was reported.
function Snapshot:ended(name)
  if self.entries then self.entries[name] = nil end
end

local function differing(before, after)
  local names = {}
  for name, stamp in entries(before) do
    if after[name] ~= stamp then names[#names + 1] = name end
  end
  for name in entries(after) do
    if before[name] == nil then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- Call tell(event, name) for each difference to a later snapshot of the same file, in the
--- order of names: "create", "modify" or "delete"; name is nil for the file itself.
function Snapshot:differences(later, tell)
  if not (self.entries and later.entries) then
    if not later.entries and later.stamp ~= self.stamp then tell("modify") end
    return
  end
  for _, name in ipairs(differing(self.entries, later.entries)) do
    local event = later.entries[name] == nil and "delete"
      or self.entries[name] == nil and "create" or "modify"
    tell(event, name)
  end
end

return file_snapshot
