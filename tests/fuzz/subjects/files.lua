-- Watches of descriptors and of files.
local ffi = require "ffi"
local tl = require "timerlua"
local actions = require "actions"
local chance = require "chance"
local pool = require "pool"
local values = require "values"

ffi.cdef "int dup(int fd); int close(int fd);"

local add = actions.of "files"
local maybe = values.maybe

local folder = os.tmpname()
local PATHS = {}
for i = 1, 4 do PATHS[i] = folder .. "." .. i end

local files = {}

--- Remove the files of the run.
function files.remove()
  for _, path in ipairs(PATHS) do os.remove(path) end
  os.remove(folder)
end

-- A duplicate of some object's descriptor, or nil.
local function duplicate()
  local object = pool.any(chance.of { "conn", "udp", "listener" })
  local fd = object and object:fileno()
  local copy = fd and ffi.C.dup(fd) or -1
  return copy >= 0 and copy or nil
end

add(2, "watch", function()
  local fd = duplicate()
  if not fd then return end
  local ok, watch = pcall(tl.watch, maybe(fd), maybe(chance.of { "r", "w", "rw", "edge" }),
    maybe(values.callback()))
  local closed_behind_its_back = chance.percent(10)
  if closed_behind_its_back or not ok or not watch then ffi.C.close(fd) end
  if not ok then error(watch, 0) end
  if not watch then return end
  pool.keep("watch", watch)
  tl.after(values.short(), function()
    watch:cancel()
    if not closed_behind_its_back then ffi.C.close(fd) end
  end)
end)

actions.add_plain(add, "watch", "cancel ref unref")

add(2, "on_file", function()
  local watch = tl.on_file(maybe(chance.of(PATHS)), maybe(values.callback()))
  if watch then tl.after(0.03, function() watch:cancel() end) end
  pool.keep("file_watch", watch)
end)

actions.add_plain(add, "file_watch", "cancel ref unref")

add(2, "write to a file", function()
  local file = io.open(chance.of(PATHS), chance.of { "w", "a" })
  if not file then return end
  file:write "text"
  file:close()
end)

add(1, "move a file", function()
  if chance.percent(50) then return os.remove(chance.of(PATHS)) end
  return os.rename(chance.of(PATHS), chance.of(PATHS))
end)

return files
