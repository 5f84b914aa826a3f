-- Settings that connections, listeners and datagram sockets have alike: how long they
-- wait, whether they read, and whether they keep the loop running. Each has slot and
-- generation of its handle in the core.
local core = require "timerlua.core.ffi"
local duration = require "timerlua.core.duration"

local loop = core.loop

local settings = {}

--- Convert the limit given to settimeout.
--- @param limit? number|string|ffi.cdata* nil or a negative number: no limit
--- @return number? seconds
function settings.time_limit(where, limit)
  if limit == nil or (type(limit) == "number" and limit < 0) then return nil end
  return duration.to_seconds(where, "limit", limit)
end

--- Stop reading, or go on.
--- @param tell function the core's, for this kind of handle
--- @param on 0|1
--- @return table self
function settings.pause(self, tell, on)
  tell(loop, self.slot, self.generation, on)
  return self
end

--- Let the loop end although the socket is open, or not.
--- @param tell function the core's, for this kind of handle
--- @param on 0|1
--- @return table self
function settings.refer(self, tell, on)
  self.unreferenced = on == 0 or nil
  tell(loop, self.slot, self.generation, on)
  return self
end

return settings
