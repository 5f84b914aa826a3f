-- What a run is doing and how long is left, on standard error: one line that changes if
-- that is a terminal, else a line for each workload. A round of a row is expected to
-- take what it took before in this run, or in the last run of its workload, or what the
-- average row takes.

local ffi = require "ffi"
local record = require "running.record"

ffi.cdef [[
struct progress_time { long seconds, nanoseconds; };
int clock_gettime(int clock, struct progress_time *time);
int isatty(int fd);
]]

local CLOCK_MONOTONIC = 1
local STDERR = 2
local WIDTH = 79 -- a longer line would wrap, and stay

local Progress = {}
Progress.__index = Progress

local time = ffi.new "struct progress_time"

local function now()
  ffi.C.clock_gettime(CLOCK_MONOTONIC, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) * 1e-9
end

local function remember(part)
  local last, seconds = record.load(part.workload.name), {}
  for _, row in ipairs(last and last.rows or {}) do seconds[row.name] = row.seconds end
  for _, row in ipairs(part.rows) do row.expected = seconds[row.name] end
end

local function seconds_of(row)
  if row.runs > 0 then return row.seconds / row.runs end
  return row.expected
end

function Progress:average()
  local sum, count = 0, 0
  for _, part in ipairs(self.parts) do
    for _, row in ipairs(part.rows) do
      local seconds = seconds_of(row)
      if seconds then sum, count = sum + seconds, count + 1 end
    end
  end
  return count > 0 and sum / count
end

-- Seconds, or nil as long as nothing is known of any row.
function Progress:left()
  local average, left = self:average(), 0
  if not average then return nil end
  for _, part in ipairs(self.parts) do
    for _, row in ipairs(part.rows) do
      local rounds = row.failed and 0 or part.times - row.runs
      left = left + rounds * (seconds_of(row) or average)
    end
  end
  return left
end

local function in_words(seconds)
  if seconds < 60 then return ("%d s"):format(math.ceil(seconds)) end
  local minutes = math.ceil(seconds / 60)
  if minutes < 60 then return ("%d min"):format(minutes) end
  return ("%d h %d min"):format(math.floor(minutes / 60), minutes % 60)
end

function Progress:estimate()
  local left = self:left()
  return left and ("; about %s left"):format(in_words(left)) or ""
end

function Progress:show(text)
  if self.on_terminal then io.stderr:write("\r\27[K", text:sub(1, WIDTH)) end
end

function Progress:clear()
  self:show("")
end

function Progress:begin_part(number)
  local part = self.parts[number]
  self.place = ("%s (%d of %d)"):format(part.workload.name, number, #self.parts)
  if not self.on_terminal then
    io.stderr:write(("%s, rows: %d, rounds: %d%s\n"):format(
      self.place, #part.rows, part.times, self:estimate()))
  end
end

-- Runs a row by `run`, and takes its time.
function Progress:time(part, round, row, run)
  self:show(("%s, round %d of %d: %s%s"):format(
    self.place, round, part.times, row.name, self:estimate()))
  local start = now()
  run(row)
  row.seconds, row.runs = row.seconds + now() - start, row.runs + 1
  self:clear()
end

-- `make_parts` looks for the peers and compiles them.
return function(make_parts)
  local self = setmetatable({ on_terminal = ffi.C.isatty(STDERR) == 1 }, Progress)
  self:show("looking for the peers, and compiling them")
  self.parts = make_parts()
  for _, part in ipairs(self.parts) do remember(part) end
  self:clear()
  return self
end
