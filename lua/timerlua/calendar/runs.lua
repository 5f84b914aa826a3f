-- The instants of a schedule in a zone. Here, and nowhere else, is what happens to times
-- that a change of the clock skips or repeats:
--
--   a schedule with * or a step in hour or minute is a cadence: its instants are those at
--     which the clock shows a reading in its fields
--   otherwise each reading is a time of its own. A reading that the clock never shows, in a
--     gap, moves to the first instant after the gap, or is skipped; of two instants with
--     the same reading, in a fold, the first counts, or the last, or both
local fields = require "timerlua.calendar.fields"
local timeline = require "timerlua.calendar.timeline"

local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local huge = math.huge

local runs = {}

-- The Gregorian calendar repeats itself after 400 years, and so does a zone's rule.
local CYCLE = 146097 * 86400

--- @class timerlua.Plan what the instants of a schedule depend on
--- @field fields timerlua.Fields
--- @field line timerlua.Timeline
--- @field gap "after"|"skip"
--- @field fold "first"|"last"|"both"

-- Whether a reading that segment i shows counts there. If not, the readings from `first` to
-- before `stop` do not count, either.
local function counts(plan, i, reading)
  if plan.fields.is_fixed == 0 or plan.fold == "both" then return true end
  local other = plan.fold == "first" and timeline.shown_before or timeline.shown_again
  local first, stop = other(plan.line, i, reading)
  return not first, first, stop
end

-- The first reading from `from` to before `stop` that counts in segment i.
local function first_reading(plan, i, from, stop)
  local reading = fields.from(plan.fields, from)
  while reading < stop do
    local ok, _, beyond = counts(plan, i, reading)
    if ok then return reading end
    reading = fields.from(plan.fields, beyond)
  end
end

local function last_reading(plan, i, to, start)
  local reading = fields.to(plan.fields, to)
  while reading >= start and reading > -huge do
    local ok, first = counts(plan, i, reading)
    if ok then return reading end
    reading = fields.to(plan.fields, first - 1)
  end
end

-- Whether readings that the clock jumps over at the beginning of segment i run then.
local function runs_after_gap(plan, i)
  if plan.gap == "skip" or plan.fields.is_fixed == 0 then return false end
  local line = plan.line
  local at = line.at[i]
  local stop = at + line.offset[i]
  local reading = fields.from(plan.fields, at + line.offset[i - 1])
  while reading < stop do
    -- near another change, the clock may show the reading before or after
    local shown = #timeline.instants(line, reading) > 0
    if not shown and timeline.gap(line, reading) == at then return true end
    reading = fields.from(plan.fields, reading + 1)
  end
  return false
end

--- The first reading in the fields that the clock skips, or repeats, at the beginning of
--- segment i.
--- @return integer? reading nil if there is none
function runs.touched(plan, i)
  local line = plan.line
  local before, after = line.at[i] + line.offset[i - 1], line.at[i] + line.offset[i]
  local reading = fields.from(plan.fields, min(before, after))
  return reading < max(before, after) and reading or nil
end

--- The first instant after `t`.
--- @param plan timerlua.Plan
--- @param t number
--- @return integer? instant nil if there is none
function runs.next(plan, t)
  local line = plan.line
  local i = timeline.segment(line, t)
  local from = floor(t) + 1 + line.offset[i]
  local limit = max(t, line.at[line.known]) + CYCLE
  while true do
    local offset, stop = line.offset[i], timeline.finish(line, i)
    local reading = first_reading(plan, i, from, stop + offset)
    if reading then return reading - offset end
    -- a clock that is set back shows no reading before this one again
    local is_over = fields.from(plan.fields, from - timeline.MOST_SHIFT) == huge
    if stop > limit or is_over then return nil end
    i = i + 1
    if runs_after_gap(plan, i) then return stop end
    from = stop + line.offset[i]
  end
end

--- The last instant before `t`.
--- @param plan timerlua.Plan
--- @param t number
--- @return integer? instant nil if there is none
function runs.prev(plan, t)
  local line = plan.line
  local i = timeline.segment(line, t)
  local to = ceil(t) - 1 + line.offset[i]
  while true do
    local offset, start = line.offset[i], line.at[i]
    local reading = last_reading(plan, i, to, start + offset)
    if reading then return reading - offset end
    if i == 1 then return nil end
    if start < t and runs_after_gap(plan, i) then return start end
    i = i - 1
    to = start - 1 + line.offset[i]
  end
end

return runs
