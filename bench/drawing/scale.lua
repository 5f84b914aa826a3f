-- Where a value is drawn, and which values an axis names.

local scale = {}

-- From 0 to a round number above `greatest`, in four to eight steps.
function scale.linear(greatest, from, to)
  local step = 10 ^ math.floor(math.log10(greatest))
  for _, part in ipairs { 0.2, 0.5, 1 } do
    if greatest / (step * part) <= 8 then
      step = step * part
      break
    end
  end
  local last = math.ceil(greatest / step)
  local self = { ticks = {} }
  for i = 0, last do self.ticks[i + 1] = i * step end
  function self.at(value) return from + (to - from) * value / (last * step) end
  return self
end

-- Powers of ten times each of `parts` around all values, which are above 0.
local function round_numbers(least, greatest, parts)
  local ticks = {}
  for power = math.floor(math.log10(least)), math.ceil(math.log10(greatest)) + 1 do
    for _, part in ipairs(parts) do
      local tick = part * 10 ^ power
      if tick <= least then ticks = {} end
      ticks[#ticks + 1] = tick
      if tick >= greatest and #ticks > 1 then return ticks end
    end
  end
end

-- `parts` in rising order, such as { 1, 2, 5 }.
function scale.logarithmic(least, greatest, from, to, parts)
  local self = { ticks = round_numbers(least, greatest, parts) }
  local first = math.log10(self.ticks[1])
  local last = math.log10(self.ticks[#self.ticks])
  function self.at(value)
    return from + (to - from) * (math.log10(value) - first) / (last - first)
  end
  return self
end

return scale
