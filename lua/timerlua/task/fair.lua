-- Fairness of calls that ask the kernel without waiting: a task that makes such calls
-- repeatedly lets a turn of the loop pass before anything else is late because of it.
local core = require "timerlua.core.ffi"
local wait = require "timerlua.task.wait"

local C, loop = core.C, core.loop

-- As often as a connection's reader may read in one turn.
local MOST = 16

-- The number of calls between two turns, for calls that never wait as long as they succeed.
local STEPS = 512

local asked, steps = 0, 0 -- since a turn of the loop

local fair = {}

--- Call before asking the kernel, where the code can be suspended. Lets a turn pass when a
--- timer or an event of the loop is due, and from time to time for descriptors.
--- @param where string the public function, for errors and lists
--- Raises when the task is cancelled, or when a limit around it has run out.
function fair.turn(where)
  asked = asked + 1
  if asked < MOST and C.tl_loop_due(loop) == 0 then return end
  asked = 0
  wait.suspend(wait.begin(where, 0))
end

-- Only from time to time: it costs as much as a read.
local function look(where)
  if (steps < STEPS and C.tl_loop_due(loop) == 0) or not wait.can_suspend() then return end
  steps = 0
  wait.suspend(wait.begin(where, 0))
end

--- Call before reading or writing a descriptor, anywhere: if the task is cancelled here, no
--- data is lost. At every 16th call, lets a turn pass when one is due, and at every 512th
--- call in any case. Where the code cannot be suspended, nothing happens.
--- @param where string the public function, for errors and lists
--- Raises as fair.turn does.
function fair.step(where)
  steps = steps + 1
  if steps % MOST == 0 then look(where) end
end

--- A turn passes anyway, because the task is going to wait.
function fair.waits()
  asked, steps = 0, 0
end

return fair
