-- Symbolic links.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"

local C = core.C
local ROOM = C.TL_PATH_ROOM

local link = {
  MOST = 40, -- followed one after the other: path_resolution(7)
}

--- The target of a link, as the link has it; nil where there is no link.
--- @param path string
--- @return string? target
function link.target(path)
  local text = ffi.new("char[?]", ROOM)
  local length = C.tl_link_target(path, text, ROOM)
  return length > 0 and ffi.string(text, length) or nil
end

return link
