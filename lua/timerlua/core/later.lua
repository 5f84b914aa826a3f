-- Modules of ours that are loaded when they are first needed, which makes a start shorter.
local require = require

local later = {}

--- Load a module, which requires others: scripts may have put another function in the
--- place of require by then.
--- @param name string as for require
function later.load(name)
  local theirs = rawget(_G, "require")
  rawset(_G, "require", require)
  local ok, module = pcall(require, name)
  rawset(_G, "require", theirs)
  if not ok then error(module, 0) end
  return module
end

return later
