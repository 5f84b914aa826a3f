-- The meaning of a status of the core, as functions return it to scripts: a word or a text,
-- and the symbolic code.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local errno = require "timerlua.core.errno"

local C = core.C
local to_string = ffi.string

local words = {}

--- The system's own words.
function words.of(status)
  return to_string(C.tl_error_text(status)):lower(), to_string(C.tl_error_name(status))
end

-- LuaSocket's words for the statuses that its callers compare, and words of our own.
local OF_ALL_SOCKETS = {
  [errno.EBADF] = { "closed", "EBADF" },
  [errno.EBUSY] = { "busy", "EBUSY" },
  [errno.EINTR] = { "the loop ended", "ECANCELED" },
  [C.TL_TIME_OVER] = { "timeout", "ETIMEDOUT" },
}

--- Make a function that returns the meaning of a status for one kind of socket.
--- @param own table<integer, string[]> words of that kind in addition to the common ones
--- @return fun(status: integer): string, string
function words.for_kind(own)
  local known = setmetatable(own, { __index = OF_ALL_SOCKETS })
  return function(status)
    local entry = known[status]
    if entry then return entry[1], entry[2] end
    return words.of(status)
  end
end

return words
