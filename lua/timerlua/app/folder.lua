-- The folder of the script, where require looks first.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"

local C = core.C
local MOST_LINKS, PATH_ROOM = 40, C.TL_PATH_ROOM -- path_resolution(7)

local folder = {}

-- A script that is linked into a folder of programs has its modules beside the original.
local function follow(path)
  local text = ffi.new("char[?]", PATH_ROOM)
  for _ = 1, MOST_LINKS do
    local length = C.tl_link_target(path, text, PATH_ROOM)
    if length <= 0 then return path end
    local target = ffi.string(text, length)
    path = target:sub(1, 1) == "/" and target or path:gsub("[^/]*$", "") .. target
  end
  return path
end

--- Put the folder of a script first in package.path. A folder whose name has a character
--- of package.path's own syntax cannot be there.
function folder.search_first(path)
  local found = follow(path):match("^(.*/)[^/]*$") or "./"
  if found:find("[;?]") then return end
  package.path = ("%s?.lua;%s?/init.lua;%s"):format(found, found, package.path)
end

return folder
