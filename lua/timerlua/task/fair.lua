-- Fairness of what asks the kernel without waiting: a task that does so again
-- and again lets a turn of the loop pass before anything else of it is late.
local core = require "timerlua.core.ffi"
local wait = require "timerlua.task.wait"

local C, loop = core.C, core.loop

-- As often as a connection's reader may read in one turn.
local MOST = 16

-- Of calls that never wait as long as they succeed, so many between two turns.
local STEPS = 512

local asked, steps = 0, 0 -- since a turn of the loop

local fair = {}

--- Before the kernel is asked, in what can be suspended. Lets a turn pass when
--- a timer or an event of the loop is due, and now and then for descriptors.
--- @param where string the public function, for errors and lists
--- Raises when the task is cancelled, or a limit around it has run out.
function fair.turn(where)
  asked = asked + 1
  if asked < MOST and C.tl_loop_due(loop) == 0 then return end
  asked = 0
  wait.suspend(wait.begin(where, 0))
end

-- Now and then: it costs as much as a read.
local function look(where)
  if (steps < STEPS and C.tl_loop_due(loop) == 0) or not wait.can_suspend() then return end
  steps = 0
  wait.suspend(wait.begin(where, 0))
end

--- Before a descriptor is read or written, anywhere: what has been read cannot get
--- lost by a task's being cancelled. Lets a turn pass when one is due at every
--- 16th call, and at every 512th in any case; where nothing can be suspended,
--- nothing happens.
--- @param where string the public function, for errors and lists
--- Raises as turn does.
function fair.step(where)
  steps = steps + 1
  if steps % MOST == 0 then look(where) end
end

--- A turn passes anyway: the task is going to wait.
function fair.waits()
  asked, steps = 0, 0
end

return fair
