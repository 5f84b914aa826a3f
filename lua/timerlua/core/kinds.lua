-- The names of the kinds of handles, by number, as the core has them.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"

local C, loop = core.C, core.loop

local kinds = {}

for number = 1, C.TL_KINDS - 1 do
  kinds[number] = ffi.string(C.tl_kind_name(loop, number))
end

return kinds
