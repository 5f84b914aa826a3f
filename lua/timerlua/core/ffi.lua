-- The core as Lua sees it: declarations, the library, this state's loop. Only this file
-- calls ffi.cdef.
local ffi = require "ffi"
local dispatcher = require "timerlua.core" -- and its loop, in C

local ABI_VERSION = 1 -- the version that these Lua modules were written for

if dispatcher.abi_version ~= ABI_VERSION then
  error(("timerlua: the Lua modules speak ABI version %d, the core (%s) %s")
    :format(ABI_VERSION, dispatcher.library or "in the program",
      tostring(dispatcher.abi_version)), 0)
end

ffi.cdef(dispatcher.abi)

-- Functions by the addresses that the core gives, whether it is part of a program or of a
-- library: they need not be symbols that a dynamic linker finds. Measured, such a call
-- costs as much as a call through ffi.load, and 12 ns less when it is interpreted.
local function find(self, name)
  local type, address = dispatcher.symbol(name)
  local value = type and ffi.cast(type, address) or ffi.C[name] -- a constant
  rawset(self, name, value)
  return value
end

jit.off(find) -- runs once for each name; compilation is aborted at dispatcher.symbol
local C = setmetatable({}, { __index = find })
local loop = ffi.cast("tl_loop *", dispatcher.loop)

-- Have the core call `fn` when something happens. Each hook has one function. A module sets
-- its hooks last, because it may be loaded again if loading it fails.
--- @param name string as in runtime/lua/hooks.c
local function hook(name, fn)
  if dispatcher.hooks[name] ~= false then
    error(("timerlua: there is no free hook %q"):format(name), 2)
  end
  dispatcher.hooks[name] = fn
end

return {
  C = C,
  hook = hook,
  loop = loop,
  shared = C.tl_loop_shared(loop),
  dispatcher = dispatcher,
  new_id = ffi.typeof("tl_id"),
  max_seconds = C.tl_max_seconds(),
}
