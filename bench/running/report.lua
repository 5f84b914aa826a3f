-- The table of a workload on standard output.

local figures = require "running.figures"

local report = {}

local function show(value)
  if type(value) ~= "number" then return value or "-" end
  local digits = value >= 10 and 1 or 2
  if value % 1 == 0 or value >= 100 then digits = 0 end
  return ("%." .. digits .. "f"):format(value)
end

local function print_table(workload, rows)
  local against = workload.against
  local base = figures.base_of(workload, rows)
  io.write(("%-28s"):format("peer"))
  for _, key in ipairs(workload.columns) do io.write(("%14s"):format(key)) end
  local heading = base and table.concat(against, " + ") .. " / "
    .. (workload.base or "best in C")
  print(heading and "   " .. heading or "")
  for _, row in ipairs(rows) do
    io.write(("%-28s"):format(row.name))
    for _, key in ipairs(workload.columns) do
      io.write(("%14s"):format(show(figures.median(row.seen[key]))))
    end
    local sum = base and figures.sum_of(row, against)
    print(sum and ("   %.2f"):format(sum / base) or "")
  end
end

function report.heading(part)
  local workload = part.workload
  print(("\n%s: %s (medians of %d)"):format(workload.name, workload.title, part.times))
  for _, note in ipairs(part.notes) do print(note) end
end

-- Returns how many rows failed.
function report.results(part)
  local failures = 0
  for _, row in ipairs(part.rows) do
    if row.failed then
      failures = failures + 1
      print(("%s: failed: %s"):format(row.name, row.command))
    end
  end
  if #part.rows > 0 then print_table(part.workload, part.rows) end
  return failures
end

return report
