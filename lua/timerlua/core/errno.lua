-- The system's errors by name, as functions of the core return them: errno.EAGAIN is
-- -EAGAIN. The numbers come from the core, because they differ between systems.
local C = require "timerlua.core.ffi".C

return setmetatable({}, {
  __index = function(self, name)
    local status = type(name) == "string" and C.tl_error_status(name) or 0
    if status == 0 then
      error(("no error of the system is called %q"):format(tostring(name)), 2)
    end
    rawset(self, name, status)
    return status
  end,
})
