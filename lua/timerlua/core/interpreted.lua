-- Functions that are not to be compiled, because hooks, such as the hook of Ctrl-C, run in
-- the interpreter only.
local off = jit.off

local interpreted = {}

--- Keep a function from being compiled. Inside a finalizer, where LuaJIT refuses this, the
--- function can be compiled: then a hook is delayed while the compiled loop runs.
--- @param fn function
function interpreted.keep(fn)
  pcall(off, fn)
end

return interpreted
