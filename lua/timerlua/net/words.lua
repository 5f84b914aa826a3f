-- What a status of the core means, as functions return it to scripts: a word or
-- a text, and the symbolic code.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local errno = require "timerlua.core.errno"

local C = core.C
local to_string = ffi.string

local words = {}

--- As the system says it.
function words.of(status)
  return to_string(C.tl_error_text(status)):lower(), to_string(C.tl_error_name(status))
end

-- LuaSocket's words for the statuses that its callers compare, and ours.
local OF_ALL_SOCKETS = {
  [errno.EBADF] = { "closed", "EBADF" },
  [errno.EBUSY] = { "busy", "EBUSY" },
  [errno.EINTR] = { "the loop ended", "ECANCELED" },
  [C.TL_TIME_OVER] = { "timeout", "ETIMEDOUT" },
}

--- A function that says what a status means for one kind of socket.
--- @param own table<integer, string[]> what the kind has beside those of all
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
