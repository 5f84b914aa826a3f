-- Restrictions on scripts that the host asks for: tl_config.flags in runtime/timerlua.h. A
-- removed function raises an error that says so. The runtime's own modules keep the
-- functions that they have already taken.
local claims = require "timerlua.system.signal_claims"
local entries = require "timerlua.core.entries"
local string_buffer = require "timerlua.core.string_buffer"

local MEMORY, COMPILER = "reach its memory", "use the compiler"
local FILES, PROGRAMS, TAKE = "use files", "start others", "take signals"
local HOOKS = "set hooks, as their time is limited by one"

local restrict = {}

local function refusal(name, what)
  return ("%s: this program does not allow scripts to %s"):format(name, what)
end

local function refuse(name, what)
  return function() error(refusal(name, what), 2) end
end

-- Replace the functions of a table, or only the named ones.
local function refuse_all(list, prefix, what, names)
  for name, value in entries(list) do
    if type(value) == "function" and (not names or names[name]) then
      list[name] = refuse(prefix .. name, what)
    end
  end
end

-- Make a module impossible to require.
local function hide(name, what)
  package.loaded[name] = nil
  package.preload[name] = function()
    error(refusal("require '" .. name .. "'", what), 3) -- require's caller
  end
end

-- ---------------------------------------------------------------------------
-- memory

-- Modules that expose the FFI, the core, or tables that the core believes: the FFI itself,
-- and all of ours except the public ones, which stand at the top.
local function is_inside(name)
  return name == "ffi" or name == "timerlua.core" or name:find("^timerlua%.%w+%.") ~= nil
end

-- Load everything that may be required later, as long as loading is possible.
local function load_all()
  for name in entries(package.preload) do
    if name:find("^timerlua") then pcall(require, name) end
  end
end

-- Only text: bytecode can do things that Lua source cannot.
local function text_only()
  local load_any, open, input = load, io.open, io.stdin
  local function load_text(chunk, name, _, ...)
    if type(chunk) == "string" and name == nil then name = chunk end
    return load_any(chunk, name, "t", ...)
  end
  local function load_file(path, _, ...)
    if path == nil then return load_text(input:read("*a"), "=stdin", nil, ...) end
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
  _G.string.dump = refuse("string.dump", MEMORY)
end

-- Upvalues, the registry and the stack lead to everything that a module has.
local function close_debug()
  local getinfo, traceback = debug.getinfo, debug.traceback
  local function closed_getinfo(...)
    local where, first = ..., (...)
    if type(where) == "number" then first = where + 1 end -- this function
    local info = getinfo(first, select(2, ...))
    if info then info.func = nil end
    return info
  end
  refuse_all(debug, "debug.", MEMORY)
  debug.getinfo, debug.traceback = closed_getinfo, traceback
end

-- Methods that give or take an address.
local function close_buffers()
  local methods = string_buffer.methods
  local set = methods.set
  refuse_all(methods, "buffer:", MEMORY,
    { ref = true, reserve = true, commit = true, putcdata = true })
  function methods.set(self, data, ...)
    if type(data) == "cdata" then error(refusal("buffer:set", MEMORY), 2) end
    return set(self, data, ...)
  end
end

-- Modules in C; modules in Lua are searched for as before, as text.
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
  package.loadlib, package.cpath = refuse("package.loadlib", MEMORY), ""
end

local function close_compiler(what)
  jit.on, jit.attach = refuse("jit.on", what), refuse("jit.attach", what)
  jit.opt = { start = refuse("jit.opt.start", what) }
end

local function no_ffi()
  load_all()
  text_only()
  close_debug()
  close_buffers()
  close_loaders()
  local on = jit.on -- harmless
  close_compiler(MEMORY)
  jit.on, jit.util = on, nil
end

-- Last, since the other restrictions require modules.
local function hide_inside()
  for _, list in ipairs { package.loaded, package.preload } do
    local names = {}
    for name in entries(list) do
      if is_inside(name) or name:find("^jit%.") then names[#names + 1] = name end
    end
    for _, name in ipairs(names) do hide(name, MEMORY) end
  end
end

-- ---------------------------------------------------------------------------
-- files and programs

-- Stands in place of a file: any use raises.
local function no_file(name)
  local function closed() error(refusal(name, FILES), 2) end
  return setmetatable({}, { __index = closed, __newindex = closed })
end

local STREAMS = { stdin = true, stdout = true, stderr = true }

local function no_files()
  local is_file = io.type
  local closed = {}
  for name, value in entries(io) do
    closed[name] = type(value) == "function" and refuse("io." .. name, FILES)
      or no_file("io." .. name)
  end
  closed.type = is_file
  io, package.loaded.io = closed, closed
  loadfile, dofile = refuse("loadfile", FILES), refuse("dofile", FILES)
  refuse_all(_G.os, "os.", FILES, { remove = true, rename = true, tmpname = true })
  package.loaders = { package.loaders[1] }
  package.searchpath = refuse("package.searchpath", FILES)
  package.loadlib = refuse("package.loadlib", FILES)
end

local function no_io()
  local tl = package.loaded.timerlua
  refuse_all(require "timerlua.system.file_watch", "timerlua.", FILES)
  refuse_all(require "timerlua.system.standard", "timerlua.standard.", FILES)
  hide("timerlua.system.file_events", FILES)
  tl.on_file = refuse("timerlua.on_file", FILES)
  setmetatable(tl, { __index = function(_, name)
    if STREAMS[name] then error(refusal("timerlua." .. name, FILES), 2) end
  end })
  no_files()
end

local function no_exec()
  local tl = package.loaded.timerlua
  _G.os.execute, io.popen = refuse("os.execute", PROGRAMS), refuse("io.popen", PROGRAMS)
  refuse_all(require "timerlua.system.exec", "timerlua.", PROGRAMS)
  refuse_all(require "timerlua.system.collect", "timerlua.", PROGRAMS) -- tl.run
  refuse_all(require "timerlua.system.process", "timerlua.process.", PROGRAMS, { adopt = true })
  tl.exec = refuse("timerlua.exec", PROGRAMS)
end

-- Without the host's permission, because signal masks belong to its threads.
local function no_signals()
  refuse_all(require "timerlua.system.signal", "timerlua.", TAKE, { signal = true })
  package.loaded.timerlua.signal = refuse("timerlua.signal", TAKE)
  claims.refuse(refusal("KQ_FILTER_SIGNAL", TAKE))
end

--- Remove what the host forbids.
--- @param host table<string, boolean> the host's flags: no_ffi and so on; and time_limit
function restrict.apply(host)
  if host.no_ffi or host.no_io or host.no_exec then
    getmetatable(package.loaded.timerlua).load_all() -- while modules may still be loaded
  end
  if not host.signals then no_signals() end
  if host.time_limit then debug.sethook = refuse("debug.sethook", HOOKS) end
  if host.no_ffi then no_ffi() end
  if host.no_jit then close_compiler(COMPILER) end
  if host.no_io then no_io() end
  if host.no_exec then no_exec() end
  if host.no_ffi then hide_inside() end
end

return restrict
