-- Chance: a generator of our own, so that a seed repeats a run as far as the kernel and the
-- clock allow; math.random belongs to whoever calls it.
local chance = {}

local state = 1

--- Begin the sequence of a seed.
function chance.seed(seed)
  state = (seed * 2654435761 + 12345) % 2 ^ 32
end

--- A whole number from 1 to `most`. The upper bits of a linear congruential generator are
--- the good ones (Knuth, volume 2, 3.2.1.1).
function chance.to(most)
  state = (state * 1664525 + 1013904223) % 2 ^ 32
  return math.floor(state / 2 ^ 32 * most) + 1
end

--- True in so many of a hundred cases.
function chance.percent(share)
  return chance.to(100) <= share
end

--- An element of a list without nils.
function chance.of(list)
  return list[chance.to(#list)]
end

--- The keys of a table in a fixed order, which pairs does not have.
function chance.sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

return chance
