-- Drives the whole API at random: timerlua tests/fuzz/drive.lua SEED STEPS [trace]
--
-- Each step is a task that acts: it calls public functions and methods, with right and at
-- times absurd arguments, by itself, in callbacks, deferred functions, scopes, timeouts,
-- coroutines, table.sort, string.gsub and finalizers. Callbacks do the same again, wait,
-- raise, cancel, collect garbage. At the end, everything is ended.
--
-- The status is 0, or 3 when something is wrong: an error that is not for scripts
-- (judge.lua), a handle or descriptor that is left, a stalled loop. Crashes and threads
-- that are held are for tests/fuzz/run to see. DRIVE_SKIP="processes,files" leaves out
-- subjects, and "finalizers" the calls from them.
local tl = require "timerlua"
local actions = require "actions"
local chance = require "chance"
local ending = require "ending"
local judge = require "judge"
local ways = require "ways"
require "bodies"

local SEED, STEPS = tonumber(arg[1]), tonumber(arg[2])
local STALL = 30 -- seconds without a step
local STEP = 0.2 -- seconds that a step may take
local OWN = { main = true, watchdog = true }
local WRONG = 3

local skipped = os.getenv "DRIVE_SKIP" or ""
ways.trace = arg[3] == "trace"
ways.finalizers = not skipped:find "finalizers"
actions.skip(skipped)
for _, subject in ipairs { "timers", "paced", "tasks", "channels", "events", "streams",
  "datagrams", "files", "processes", "descriptors", "kqueues", "sockets", "lists",
  "calendar" } do
  require("subjects." .. subject)
end
local files = require "subjects.files"

io.stdout:setvbuf "line"
chance.seed(SEED)

local function finish()
  files.remove()
  os.exit(judge.problems == 0 and 0 or WRONG)
end

local progressed = tl.now()
local function progress() progressed = tl.now() end

local function watch()
  while true do
    tl.sleep(0.25)
    if tl.now() - progressed > STALL then
      ending.list(OWN)
      judge.problem(("no step for %d s; before: %s"):format(STALL, ways.trail()))
      finish()
    end
  end
end

local function take_step()
  local task = tl.spawn(ways.act)
  tl.timeout(STEP, task.join, task)
  if task.status ~= "done" and task.status ~= "failed" then task:cancel() end
  progress()
end

local function check_end(descriptors)
  if not ending.end_all(OWN, progress) then
    ending.list(OWN)
    judge.problem("handles are left; before: " .. ways.trail())
  end
  local now
  for _ = 1, 100 do -- what was closed a moment ago may take some turns
    collectgarbage()
    tl.sleep(0.02)
    now = ending.count_descriptors()
    if now <= descriptors then break end
  end
  local stats = tl.stats()
  if stats.active > 1 then judge.problem(stats.active .. " active handles, by tl.stats") end
  if now > descriptors then
    ending.list_descriptors()
    judge.problem(("%d descriptors, %d at the start"):format(now, descriptors))
  end
end

-- Things that stay are there before descriptors are counted.
local function warm_up()
  tl.at(tl.time(), function() end)
  tl.timer { after = 0.001, clock = "boottime", fn = function() end }
  tl.on("clock_jump", function() end):cancel()
  tl.signal("WINCH", function() end):cancel()
  tl.timeout(1, tl.resolve, "localhost")
  tl.sleep(0.01)
  collectgarbage()
end

judge.listen()
warm_up()
local descriptors = ending.count_descriptors()
local watchdog = tl.spawn(watch)
watchdog.name = "watchdog"
for _ = 1, STEPS do
  local ok, err = pcall(take_step)
  if not ok then judge.error("a step", err) end
end
check_end(descriptors)
print(("seed %d: %d steps, %d errors reported, %d problems"):format(SEED, STEPS, judge.reports,
  judge.problems))
finish()
