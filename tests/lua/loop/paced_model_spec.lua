-- Debounced and throttled functions against a model: a list of all that has happened, looked
-- through from its beginning for each question. Random programs of calls, cancels and
-- flushes, of functions that wait, fail and call themselves: each run must match in its
-- instant and arguments, and each call in its answer. TEST_SEED=n repeats a program.
local support = require "tests.support"
local tl = require "timerlua"
local virtual = require "tests.support.virtual"
local clock = tl.clock

virtual.each(before_each, after_each)

local PROGRAMS = support.sanitized and 500 or 3000
local UNIT = 1000 -- ns; operation number n happens n ns after a whole unit, so no two meet

-- ---------------------------------------------------------------------------
-- programs

local function chance(share) return math.random() < share end

local function new_program(seed)
  math.randomseed(seed)
  local debounces = chance(0.5)
  local delay = math.random(0, 8) * UNIT
  local edges = math.random(3)
  local program = { seed = seed, delay = delay,
    make = debounces and "debounce" or "throttle",
    options = { leading = edges ~= 1, trailing = edges ~= 2 },
    quiet = debounces and delay or math.huge,
    most = debounces and math.huge or delay }
  if debounces and chance(0.5) then
    program.most = delay + math.random(0, 12) * UNIT
    program.options.max_wait = 1LL * program.most
  end
  local at = 0
  for n = 1, 30 do
    at = at + (chance(0.2) and math.random(5, 20) or math.random(0, 4)) * UNIT
    local draw = math.random()
    program[n] = { at = at + n, number = n,
      what = draw < 0.86 and "call" or draw < 0.93 and "cancel" or "flush",
      waits = chance(0.2) and math.random(1, 12) * UNIT or 0,
      fails = chance(0.1), again = chance(0.1) }
  end
  return program
end

-- ---------------------------------------------------------------------------
-- the model

local Model = {}
Model.__index = Model

-- The latest of what happened since the last cancel.
local function latest(self, kind)
  local found
  for _, event in ipairs(self.history) do
    if event.kind == "cancel" then
      found = nil
    elseif event.kind == kind then
      found = event.at
    end
  end
  return found
end

local function happened(self, kind)
  self.history[#self.history + 1] = { kind = kind, at = self.now }
end

local function window_end(self)
  local call, since = latest(self, "call"), latest(self, "since")
  if not since or self.closed then return -math.huge end
  return math.min(call + self.program.quiet, since + self.program.most)
end

local function is_running(self) return self.run_ends ~= nil end

local call -- of the function, by a program or by itself

local function run(self, op, caller)
  self.waiting, self.closed = nil, false
  happened(self, "since")
  self.log[#self.log + 1] = ("run %d at %d"):format(op.number, self.now)
  self.run_ends, self.running = self.now + op.waits, { op = op, caller = caller }
  if op.again and not self.again[op] then
    self.again[op] = true
    call(self, op)
  end
end

local function over(self)
  local run_of = self.running
  self.now, self.run_ends, self.running = self.run_ends, nil, nil
  if run_of.caller then
    self.log[#self.log + 1] = run_of.caller .. (run_of.op.fails and ": error" or ": true")
  elseif run_of.op.fails then
    self.log[#self.log + 1] = ("reported %d"):format(run_of.op.number)
  end
end

function call(self, op, caller)
  local options, opens = self.program.options, self.now >= window_end(self)
  if opens and options.leading and not is_running(self) then
    happened(self, "call")
    return run(self, op, caller)
  end
  if opens and not options.leading and not self.waiting then
    happened(self, "since")
    self.closed = false
  end
  happened(self, "call")
  if options.trailing then self.waiting = op end
  if caller then self.log[#self.log + 1] = caller .. ": " .. tostring(options.trailing) end
end

local OPERATIONS = { call = call }

function OPERATIONS.cancel(self, _, caller)
  self.log[#self.log + 1] = caller .. ": " .. tostring(self.waiting ~= nil)
  self.waiting = nil
  happened(self, "cancel")
end

function OPERATIONS.flush(self, _, caller)
  local waiting = self.waiting
  if waiting and not is_running(self) then return run(self, waiting, caller) end
  if waiting then self.closed = true end
  self.log[#self.log + 1] = caller .. ": " .. tostring(waiting ~= nil)
end

-- Let all happen that is to happen up to an instant.
local function pass(self, till)
  while true do
    local due = self.waiting and math.max(self.now, window_end(self)) or math.huge
    if is_running(self) and self.run_ends <= till then
      over(self)
    elseif not is_running(self) and due <= till then
      self.now = due
      run(self, self.waiting)
    else
      break
    end
  end
  self.now = till
end

local function expected(program)
  local self = setmetatable({ program = program, now = 0, history = {}, log = {},
    again = {} }, Model)
  for _, op in ipairs(program) do
    pass(self, op.at)
    OPERATIONS[op.what](self, op, op.what .. " " .. op.number)
  end
  pass(self, 1e9)
  return self.log
end

-- ---------------------------------------------------------------------------
-- the same on the real functions

local function actual(program)
  local log, again, start = {}, {}, tl.now()
  local function note(...) log[#log + 1] = string.format(...) end
  local paced
  paced = tl[program.make](1LL * program.delay, function(op)
    note("run %d at %.0f", op.number, (tl.now() - start) * 1e9)
    if op.again and not again[op] then
      again[op] = true
      paced(op)
    end
    if op.waits > 0 then tl.sleep(1LL * op.waits) end
    if op.fails then error(op, 0) end
  end, program.options)
  local subscription = tl.on("error", function(op) note("reported %d", op.number) end)
  for _, op in ipairs(program) do
    tl.after(1LL * op.at, function()
      local ok, answer
      if op.what == "call" then
        ok, answer = pcall(paced, op)
      else
        ok, answer = pcall(paced[op.what], paced)
      end
      note("%s %d: %s", op.what, op.number, ok and tostring(answer) or "error")
    end)
  end
  clock:advance("1s")
  subscription:cancel()
  return log
end

describe("debounced and throttled functions", function()
  it("run as the model says, whatever the program", function()
    for _, seed in ipairs(support.seeds(PROGRAMS)) do
      local program = new_program(seed)
      local want, got = expected(program), actual(program)
      assert.equal(table.concat(want, "\n"), table.concat(got, "\n"), "TEST_SEED=" .. seed)
    end
  end)
end)
