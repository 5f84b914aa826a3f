-- Modules of ours that are loaded when they are first needed, which makes a start shorter.
local require = require

local later = {}

local kept = {} -- by name: a host may hide modules once they are loaded

--- Load a module, which requires others: scripts may have put another function in the
--- place of require by then.
--- @param name string as for require
function later.load(name)
  if kept[name] then return kept[name] end
  local theirs = rawget(_G, "require")
  rawset(_G, "require", require)
  local ok, module = pcall(require, name)
  rawset(_G, "require", theirs)
  if not ok then error(module, 0) end
  kept[name] = module
  return module
end

--- A module that was loaded before; nil otherwise.
--- @param name string as for require
function later.if_loaded(name)
  return kept[name] or package.loaded[name]
end

return later
