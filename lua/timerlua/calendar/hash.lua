-- A number that depends on a name, and on nothing else: the same in every process and
-- on every machine. FNV-1a (Fowler, Noll, Vo) with 32 bits, mixed once more, since its lowest
-- bits alone are weak.
local bit = require "bit"

local hash = {}

local START = 2166136261

-- The product by the prime 16777619 = 2^24 + 403, modulo 2^32; each part is exact in a double.
local function times_prime(value)
  return (value * 403 + value % 256 * 2 ^ 24) % 2 ^ 32
end

--- @param name string
--- @return integer number from 0 to 2^32 - 1
function hash.of(name)
  local value = START
  for i = 1, #name do
    value = times_prime(bit.bxor(value, string.byte(name, i)) % 2 ^ 32)
  end
  local mixed = bit.bxor(value, bit.rshift(value, 15)) % 2 ^ 32
  return times_prime(mixed)
end

return hash
