-- Limits that the kernel sets for the process, getrlimit(2).
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local check = require "timerlua.core.check"
local errors = require "timerlua.core.errors"
local misuse = require "timerlua.core.misuse"

local C = core.C
local soft, hard = ffi.new("double[1]"), ffi.new("double[1]")

--- @class timerlua.limits Limits that the kernel sets for the process, getrlimit(2).
--- @since 0.1
local limits = {}

--- Return how many descriptors the process may have, RLIMIT_NOFILE; with an argument, first
--- change that limit.
--- @param wanted? integer the new limit, 0 to 2^53; a lower hard limit is raised too, if
---   the process may do so
--- @return number? soft the limit in force; math.huge for no limit
--- @return number|string|nil hard the highest value that `soft` may be set to; or the
---   message
--- @return string? code "EPERM": more than the process may have
function limits.nofile(wanted)
  if wanted ~= nil then
    if not check.is_whole(wanted, 0, 2 ^ 53) then
      misuse.got("limits.nofile", "a limit must be a whole number from 0 to 2^53", wanted)
    end
    local status = C.tl_limits_set_nofile(wanted)
    if status < 0 then
      return errors.failed(("limits.nofile(%.0f)"):format(wanted), status)
    end
  end
  local status = C.tl_limits_nofile(soft, hard)
  if status < 0 then return errors.failed("limits.nofile", status) end
  return soft[0], hard[0]
end

return limits
