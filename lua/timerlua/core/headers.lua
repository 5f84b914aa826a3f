-- Constants of the system's headers by their names, such as headers.POLLIN. Numbers are
-- the core's to know; they differ between systems.
local C = require "timerlua.core.ffi".C

return setmetatable({}, {
  __index = function(_, name)
    local value = tonumber(C.tl_system_constant(name))
    if value < 0 then error(("the core has no constant %q"):format(name), 2) end
    return value
  end,
})
