-- Sets of small numbers as the bits of an integer. Bit 31 is not used: no mask is negative.
local bit = require "bit"
local entries = require "timerlua.core.entries"

local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift

local bits = {}

-- 37 divides no difference of two powers of 2 below 2^31.
local POSITION, LENGTH = {}, { [0] = 0 }
for i = 0, 30 do POSITION[lshift(1, i) % 37] = i end
for i = 1, 255 do LENGTH[i] = LENGTH[rshift(i, 1)] + 1 end

--- The place of the lowest bit of a mask that is not 0.
function bits.lowest(mask)
  return POSITION[band(mask, -mask) % 37]
end

--- The place of the highest bit of a mask that is not 0.
function bits.highest(mask)
  local place = -1
  if mask >= 65536 then mask, place = rshift(mask, 16), 15 end
  if mask >= 256 then mask, place = rshift(mask, 8), place + 8 end
  return place + LENGTH[mask]
end

--- The bits from 0 to a place.
--- @param place integer up to 30
function bits.up_to(place)
  return rshift(0x7fffffff, 30 - place)
end

--- The mask of a set, { [number] = true }.
--- @param less? integer taken from each number, default 0
function bits.of(set, less)
  local mask = 0
  for value in entries(set) do mask = bor(mask, lshift(1, value - (less or 0))) end
  return mask
end

return bits
