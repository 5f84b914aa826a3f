-- Medians of a row's figures, and the figures with which a row is compared.

local figures = {}

-- Of the numbers; without any, the first word, such as "never".
function figures.median(values)
  local numbers = {}
  for _, value in ipairs(values or {}) do
    if type(value) == "number" then numbers[#numbers + 1] = value end
  end
  if #numbers == 0 then return values and values[1] end
  table.sort(numbers)
  local middle = #numbers / 2
  local low, high = math.floor(middle + 0.5), math.ceil(middle + 0.5)
  return (numbers[low] + numbers[high]) / 2
end

function figures.sum_of(row, keys)
  local sum = 0
  for _, key in ipairs(keys) do
    local value = figures.median(row.seen[key])
    if type(value) ~= "number" then return nil end
    sum = sum + value
  end
  return sum
end

local function starved(row)
  return figures.median(row.seen.served_turns) == "never"
end

local function best_in_c(rows, keys)
  local best
  for _, row in ipairs(rows) do
    local sum = row.is_c and not starved(row) and figures.sum_of(row, keys)
    if sum and sum < (best or math.huge) then best = sum end
  end
  return best
end

-- What the sums of a workload's rows are divided by, if anything.
function figures.base_of(workload, rows)
  if not workload.against then return nil end
  if not workload.base then return best_in_c(rows, workload.against) end
  for _, row in ipairs(rows) do
    if row.name == workload.base then return figures.sum_of(row, workload.against) end
  end
end

return figures
