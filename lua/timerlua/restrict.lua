-- What a script may not do when its host says so: tl_config.flags in
-- runtime/timerlua.h. The runtime's own modules keep what they have taken.
local bit = require "bit"

local NO_FFI, NO_JIT, NO_IO, NO_EXEC = 1, 2, 4, 8

local restrict = {}

-- Modules of ours that hand out the FFI or the core.
local INSIDE = { "ffi", "timerlua.ffi", "timerlua.core", "timerlua.embedding" }

-- All that may be required later, as long as it can be loaded.
local function load_all()
  for name in pairs(package.preload) do
    if name:find("^timerlua") and name ~= "timerlua.program" then pcall(require, name) end
  end
end

-- Only text: bytecode can do what no Lua can.
local function text_only()
  local load_any, open = load, io.open
  local function load_text(chunk, name, _, ...)
    if type(chunk) == "string" and name == nil then name = chunk end
    return load_any(chunk, name, "t", ...)
  end
  local function load_file(path, _, ...)
    if path == nil then return load_text(io.stdin:read("*a"), "=stdin", nil, ...) end
    local file, message = open(path, "rb")
    if not file then return nil, "cannot open " .. message end
    local text = file:read("*a")
    file:close()
    if not text then return nil, "cannot read " .. path end
    return load_text(text:gsub("^#[^\n]*", "", 1), "@" .. path, nil, ...)
  end
  load, loadstring, loadfile = load_text, load_text, load_file
  function dofile(path)
    return assert(load_file(path))()
  end
  string.dump = nil
end

-- Upvalues, registry and stack lead to everything that a module has.
local function close_debug()
  local getinfo, traceback = debug.getinfo, debug.traceback
  local function closed_getinfo(...)
    local info = getinfo(...)
    if info then info.func = nil end
    return info
  end
  for name in pairs(debug) do debug[name] = nil end
  debug.getinfo, debug.traceback = closed_getinfo, traceback
end

-- Modules in C; those in Lua are searched for as before, as text.
local function close_loaders()
  local searchpath, preload = package.searchpath, package.loaders[1]
  local load_file = loadfile
  local function lua_loader(name)
    local path, message = searchpath(name, package.path)
    if not path then return message end
    local chunk, why = load_file(path)
    if not chunk then
      error(("error loading module '%s' from file '%s':\n\t%s"):format(name, path, why), 0)
    end
    return chunk
  end
  package.loaders = { preload, lua_loader }
  package.loadlib, package.cpath = nil, nil
end

local function no_ffi()
  load_all()
  for _, name in ipairs(INSIDE) do
    package.loaded[name], package.preload[name] = nil, nil
  end
  text_only()
  close_debug()
  close_loaders()
  for name in pairs(package.loaded) do
    if name:find("^jit%.") then package.loaded[name] = nil end
  end
  for name in pairs(package.preload) do
    if name:find("^jit%.") then package.preload[name] = nil end
  end
  jit.attach, jit.util, jit.opt = nil, nil, nil
end

local function no_io()
  package.loaded.io = nil
  io, loadfile, dofile = nil, nil, nil
  os.remove, os.rename, os.tmpname = nil, nil, nil
  package.loaders = { package.loaders[1] }
  package.searchpath, package.loadlib = nil, nil
end

local function no_exec()
  os.execute = nil
  if io then io.popen = nil end
  local tl = package.loaded.timerlua
  tl.exec = nil
  package.loaded["timerlua.exec"], package.preload["timerlua.exec"] = nil, nil
end

--- Take away what these flags forbid.
--- @param flags integer of TL_NO_FFI and so on
function restrict.apply(flags)
  if bit.band(flags, NO_FFI) ~= 0 then no_ffi() end
  if bit.band(flags, NO_JIT) ~= 0 then jit.on, jit.opt = nil, nil end
  if bit.band(flags, NO_EXEC) ~= 0 then no_exec() end
  if bit.band(flags, NO_IO) ~= 0 then no_io() end
end

return restrict
