-- Coroutines of the script's own, such as generators: a wait inside such a coroutine
-- suspends the task that resumed the coroutine, which continues where it waited.
--
-- The standard functions coroutine.resume and coroutine.wrap are replaced to this end.
-- A coroutine that waits yields a value of ours to them. They yield the value on, up to
-- the dispatcher, and take what the dispatcher resumes the task with back down.
local callable = require "timerlua.core.callable"
local core = require "timerlua.core.ffi"

local WAIT = core.dispatcher.loop -- what a coroutine yields when it waits
local create, resume, yield = coroutine.create, coroutine.resume, coroutine.yield
local running, is_yieldable = coroutine.running, coroutine.isyieldable

local coroutines = {
  WAIT = WAIT,

  --- The task that each coroutine is, once it is one.
  tasks = {},

  --- The state of what runs now.
  --- @field inner thread? the coroutine of the script's own that runs, if it was resumed by
  ---   the functions here
  --- @field yieldable boolean whether the task and all coroutines around the inner one can
  ---   be suspended
  state = { inner = nil, yieldable = true },
}

local tasks, state = coroutines.tasks, coroutines.state

-- Those in which a task waits.
local waiting = setmetatable({}, { __mode = "k" })

local enter

local function go_on(co, ...)
  waiting[co] = nil
  return enter(co, ...)
end

-- The coroutine waits, and so does the caller.
local function wait_in(co)
  waiting[co] = true
  return go_on(co, yield(WAIT))
end

local function leave(co, before, could, ok, ...)
  state.inner, state.yieldable = before, could
  local first = ... -- apart: traces of LuaJIT 2.1 were seen to take (...) == x for false
  if ok and rawequal(first, WAIT) then return wait_in(co) end
  return ok, ...
end

function enter(co, ...)
  local before, could = state.inner, state.yieldable
  state.inner, state.yieldable = co, could and is_yieldable()
  return leave(co, before, could, resume(co, ...))
end

-- Why a coroutine cannot be resumed by the script now; nil if it can.
local function refusal(co)
  if waiting[co] then return "cannot resume a coroutine in which a task waits" end
  if tasks[co] and co ~= running() then
    return "cannot resume the coroutine of a task, which the loop resumes"
  end
end

local function resume_checked(co, ...)
  if type(co) ~= "thread" then
    error("bad argument #1 to 'resume' (coroutine expected)", 2)
  end
  local message = refusal(co)
  if message then return false, message end
  return enter(co, ...)
end

local POSITION = "^[^:\n]+:%d+: "

-- An error of the coroutine is raised at the caller's line, unless it has a position.
local function unwrap(ok, ...)
  if ok then return ... end
  local err = ...
  error(err, type(err) == "string" and err:find(POSITION) and 0 or 2)
end

local function wrap(fn)
  if type(fn) ~= "function" then
    error(("bad argument #1 to 'wrap' (function expected, got %s)"):format(type(fn)), 2)
  end
  local co = create(fn)
  return callable.stand_in(function(...)
    if waiting[co] then error(refusal(co), 2) end
    return unwrap(enter(co, ...))
  end, fn)
end

--- Whether a coroutine was resumed by the functions here, so that a wait inside suspends
--- the task.
--- @param co thread?
function coroutines.is_inner(co)
  return co ~= nil and co == state.inner
end

coroutine.resume, coroutine.wrap = resume_checked, wrap

return coroutines
