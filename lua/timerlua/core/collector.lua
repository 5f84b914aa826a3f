-- Garbage collections that a finalizer asks for. LuaJIT 2.1 keeps the collector off while a
-- finalizer runs; a full collection inside switches the collector on again. If a compiled
-- function that allocates runs then while other finalizers are due, the function is entered
-- and left for ever: its check for garbage may not run finalizers, and nor may its exit.
--
-- So a finalizer's call of collectgarbage does nothing, as in Lua 5.4.
--
-- Cancelled timers are forgotten before a collection, so that it finds their callbacks.
local forget_cancelled = require("timerlua.core.anchors").forget_cancelled
local collect, off, pcall = collectgarbage, jit.off, pcall

local function probe() end

-- LuaJIT refuses to change the compiler's mode while a finalizer runs.
local function in_finalizer()
  return not pcall(off, probe)
end

local SWITCHING = { collect = true, step = true, restart = true }

rawset(_G, "collectgarbage", function(option, argument)
  if option == nil or SWITCHING[option] then
    if in_finalizer() then return 0 end
    forget_cancelled()
  end
  return collect(option or "collect", argument or 0)
end)
