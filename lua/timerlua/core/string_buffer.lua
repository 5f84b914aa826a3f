-- LuaJIT's string.buffer as an argument. A buffer's methods give addresses to the
-- core, so they are those of LuaJIT itself, whatever an object says of itself.
local buffer = require "string.buffer"

local getmetatable_of = debug.getmetatable -- a host may take it from scripts
local BUFFER = getmetatable_of(buffer.new())
local methods = BUFFER.__index

local string_buffer = {
  --- All that scripts can call; a host may have some of it refused.
  methods = methods,

  new = buffer.new,

  --- Give the memory back at once.
  free = methods.free,

  --- The address of the bytes, and their number.
  ref = methods.ref,

  --- Memory for at least so many bytes: its address and size.
  reserve = methods.reserve,

  --- So many bytes were written there.
  commit = methods.commit,

  --- The bytes as a string.
  text = methods.tostring,
}

--- Whether a value is a buffer of string.buffer.
--- @return boolean
function string_buffer.is(value)
  return type(value) == "userdata" and getmetatable_of(value) == BUFFER
end

return string_buffer
