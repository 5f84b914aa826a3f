-- The figures of the last run of each workload, as a Lua table in a file of the build:
--   name, title, machine, date, times (rounds); rows, each with name, peer, label,
--   is_c, seconds (of one round) and seen (by column, the values of all rounds)

local shell = require "running.shell"

local record = {}

local function path_of(name)
  return shell.path_of("bench/data/" .. name .. ".lua")
end

local function sorted_keys(values)
  local keys = {}
  for key in pairs(values) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) == type(b) then return a < b end
    return type(a) == "number"
  end)
  return keys
end

local function write(value, indent)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) == "number" then return ("%.14g"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  local lines = {}
  for i, key in ipairs(sorted_keys(value)) do
    local text = write(value[key], indent .. "  ")
    lines[i] = type(key) == "number" and text or ("%s = %s"):format(key, text)
  end
  local line = "{ " .. table.concat(lines, ", ") .. " }"
  if #line + #indent < 80 and not line:find("\n") then return line end
  return "{\n" .. indent .. "  " .. table.concat(lines, ",\n" .. indent .. "  ")
    .. ",\n" .. indent .. "}"
end

local function rows_of(part)
  local rows = {}
  for _, row in ipairs(part.rows) do
    if not row.failed then
      rows[#rows + 1] = { name = row.name, peer = row.peer, label = row.label,
        is_c = row.is_c, seconds = row.seconds / row.runs, seen = row.seen }
    end
  end
  return rows
end

-- Under another name first, so that a run that is interrupted leaves the last figures.
function record.save(part, machine)
  local rows = rows_of(part)
  if #rows == 0 then return end
  local path = path_of(part.workload.name)
  assert(shell.succeeds("mkdir -p " .. shell.built "bench/data"))
  local file = assert(io.open(path .. ".new", "w"))
  assert(file:write("return ", write({
    name = part.workload.name, title = part.workload.title, machine = machine,
    date = os.date "%Y-%m-%d", times = part.times, rows = rows,
  }, ""), "\n"))
  assert(file:close())
  assert(os.rename(path .. ".new", path))
end

-- nil if the workload has never been run.
function record.load(name)
  local path = path_of(name)
  local file = io.open(path)
  if not file then return nil end
  file:close()
  return setfenv(assert(loadfile(path)), {})()
end

return record
