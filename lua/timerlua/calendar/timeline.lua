-- The local time of a zone through the ages: segments, in each of which one offset from UTC
-- holds. Segment i begins at at[i] and ends where the next one begins; the first begins
-- at minus infinity. A reading is what a local clock shows, as seconds since
-- 1970-01-01T00:00 on that clock.
local civil = require "timerlua.core.civil"
local posix_rule = require "timerlua.calendar.posix_rule"

local floor, huge = math.floor, math.huge

local timeline = {}

-- No two offsets differ by more: tzif.lua refuses more than 26 hours, posix_rule.lua more
-- than 25.
local MOST = 2 * 26 * 3600
timeline.MOST_SHIFT = MOST

local RULE_BEGINS = 1900 -- the year, of zones that are nothing but a rule

--- @class timerlua.Timeline
--- @field at number[] instants, ascending
--- @field offset number[] seconds east of Greenwich
--- @field kind table[] offset, abbreviation, is_dst
--- @field count integer of the segments that are known so far
--- @field known integer of the segments that do not come from the rule
--- @field rule timerlua.PosixRule? makes further segments when they are asked for
--- @field year integer the next year of the rule

-- A transition that changes nothing is none.
local function add(self, at, kind)
  local n = self.count
  local last = self.kind[n]
  if at <= self.at[n] or kind.offset == last.offset and kind.is_dst == last.is_dst
    and kind.abbreviation == last.abbreviation then
    return
  end
  self.count = n + 1
  self.at[n + 1], self.offset[n + 1], self.kind[n + 1] = at, kind.offset, kind
end

local function begin(kind)
  return { at = { -huge }, offset = { kind.offset }, kind = { kind }, count = 1, known = 1,
    hint = 1 }
end

--- A zone whose local time never changes.
--- @return timerlua.Timeline
function timeline.fixed(offset, abbreviation)
  return begin { offset = offset, abbreviation = abbreviation, is_dst = false }
end

local function follow(self, rule)
  if not rule.summer then return end
  local last = self.at[self.count]
  self.year = last == -huge and RULE_BEGINS or (civil.date(floor(last / 86400)))
  self.rule = rule
end

--- A zone that is nothing but a rule.
--- @return timerlua.Timeline
function timeline.of_rule(rule)
  local self = begin(rule.standard)
  follow(self, rule)
  return self
end

--- A zone from the data of a file, as tzif.parse returns them.
--- @return timerlua.Timeline? timeline
--- @return string? why there is none
function timeline.of_file(data)
  local rule
  if data.footer ~= "" then
    rule = posix_rule.parse(data.footer)
    if not rule then return nil, "its last line is not a rule as in the variable TZ" end
  end
  local self = begin(#data.at == 0 and rule and rule.standard or data.first)
  for i, at in ipairs(data.at) do add(self, at, data.kind[i]) end
  self.known = self.count
  if rule then follow(self, rule) end
  return self
end

-- Make segments by the rule until one begins after `t`.
local function extend(self, t)
  while self.at[self.count] <= t do
    local first, begins, second, begins_then = posix_rule.transitions(self.rule, self.year)
    self.year = self.year + 1
    add(self, first, begins)
    add(self, second, begins_then)
  end
end

local function search(at, count, t)
  local low, high = 1, count -- at[low] <= t, and nothing beyond high does
  while low < high do
    local middle = floor((low + high + 1) / 2)
    if at[middle] <= t then low = middle else high = middle - 1 end
  end
  return low
end

--- The segment that an instant is in.
--- @return integer i
function timeline.segment(self, t)
  local at, hint = self.at, self.hint
  if self.rule and at[self.count] <= t then extend(self, t) end
  if at[hint] <= t and hint < self.count and t < at[hint + 1] then return hint end
  local i = search(at, self.count, t)
  self.hint = i
  return i
end

--- The instant at which segment i ends.
--- @return number t infinity for the last one
function timeline.finish(self, i)
  if i < self.count then return self.at[i + 1] end
  if not self.rule then return huge end
  extend(self, self.at[i])
  return self.at[i + 1]
end

--- Whether the local clock has shown a reading before, when it shows the reading in
--- segment i.
--- @return number? first of the readings that the other segment shows; nil if there is no
---   such segment
--- @return number? stop the reading before which it ends
function timeline.shown_before(self, i, reading)
  local at, offset = self.at, self.offset
  for j = i - 1, 1, -1 do
    local stop = at[j + 1]
    if stop <= reading - MOST then return nil end
    if reading < stop + offset[j] and reading >= at[j] + offset[j] then
      return at[j] + offset[j], stop + offset[j]
    end
  end
end

--- Whether the local clock shows a reading again, after segment i.
--- @return number? first as for timeline.shown_before
--- @return number? stop
function timeline.shown_again(self, i, reading)
  while true do
    local start = timeline.finish(self, i)
    if start > reading + MOST then return nil end
    i = i + 1
    local offset = self.offset[i]
    local stop = timeline.finish(self, i)
    if reading >= start + offset and reading < stop + offset then
      return start + offset, stop + offset
    end
  end
end

--- The instants at which the local clock shows a reading: none in a gap, two in a fold.
--- @return number[] instants, ascending
function timeline.instants(self, reading)
  local list = {}
  local i = timeline.segment(self, reading - MOST)
  while self.at[i] <= reading + MOST do
    local t, stop = reading - self.offset[i], timeline.finish(self, i)
    if t >= self.at[i] and t < stop then list[#list + 1] = t end
    if stop == huge then break end
    i = i + 1
  end
  return list
end

--- The instant at which the local clock first jumps over a reading that it never shows.
--- @return number t
function timeline.gap(self, reading)
  local offset = self.offset
  local i = timeline.segment(self, reading - MOST)
  while true do
    local at = timeline.finish(self, i)
    if reading >= at + offset[i] and reading < at + offset[i + 1] then return at end
    i = i + 1
  end
end

--- The instant that a reading means; in a gap, the first instant after it.
--- @param fold integer 0 for the first time that the clock shows the reading, 1 for the second
--- @return number t
function timeline.resolve(self, reading, fold)
  local list = timeline.instants(self, reading)
  return list[fold + 1] or list[1] or timeline.gap(self, reading)
end

return timeline
