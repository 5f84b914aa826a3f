-- The folder of the script, where require looks first.
local link = require "timerlua.core.link"

local folder = {}

-- A script that is linked into a folder of programs has its modules beside the original.
local function follow(path)
  for _ = 1, link.MOST do
    local target = link.target(path)
    if not target then return path end
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
