-- Support for a program that embeds the runtime (runtime/embed/load.c, running.c): the
-- script's main task, its end, its output, and restrictions that protect the host.
local core = require "timerlua.core.ffi"
local errors = require "timerlua.core.errors"
local events = require "timerlua.core.events"
local restrict = require "timerlua.app.restrict"
local stop = require "timerlua.app.stop"
local interruption = require "timerlua.task.interruption"
local task = require "timerlua.task.task"
local xpcall = require "timerlua.core.native_xpcall"
require "timerlua" -- scripts find it loaded, even if they may not load files

local dispatcher = core.dispatcher
local TELL_OF_LOG = core.C.TL_TELL_OF_LOG

local embedding = {
  --- The metatable of errors that end a cancelled task, or a task that called os.exit.
  cancelled = interruption.cancelled,

  --- The run is over: return its exit status, and prepare for the next run.
  ended = stop.ended,

  --- Run to the end.
  run = stop.run,

  --- Take from scripts what the host forbids: done when this module is loaded, because the
  --- module itself may be among the forbidden ones.
  restrict = function() restrict.apply(dispatcher.host) end,
}

local main -- the latest task of a main chunk

--- Make a task of the script's main chunk; the caller begins it.
--- @return integer slot
--- @return integer generation
function embedding.prepare(chunk)
  main = task.prepare(chunk)
  main.name, main.is_main = "main", true
  return main.slot, main.generation
end

--- Why the main task failed, if it did.
--- @return string? text
function embedding.failure()
  if main.status == "failed" then
    return errors.text(main.err, main.traceback, main)
  end
end

local function explain(err)
  if interruption.is_cancelled(err) then return err end
  return { text = errors.text(err, debug.traceback("", 2):sub(2)) }
end

local function end_call(call, ok, failure, ...)
  if ok then return dispatcher.outcome(call, true, failure, ...) end
  local cancelled = interruption.is_cancelled(failure)
  dispatcher.outcome(call, false, not cancelled and failure.text or nil)
  if cancelled then error(failure, 0) end
end

local function run_call(call, fn, ...)
  return end_call(call, xpcall(fn, explain, ...))
end

--- Call `fn(...)` as a task for the host, which takes the outcome by this name.
--- @param call userdata
function embedding.call(call, fn, ...)
  task.spawn(run_call, call, fn, ...).fn = fn
end

local function tell_posted(name, bytes)
  if events.each("post")() == nil then
    return errors.report(("the host posted %q, but nothing listens: tl.on(\"post\", fn)")
      :format(name))
  end
  errors.call_handlers("post", name, bytes)
end

-- End the script as far as the host allows: the running task, and then the run, with the
-- tl.on("stop") handlers.
local function exit(code)
  if code == nil or code == true then code = 0 elseif code == false then code = 1 end
  stop.stop(type(code) == "number" and code % 256 or 1)
  error(interruption.of_task(), 0)
end

-- The locale belongs to the whole process, so scripts may only read it.
local setlocale = os.setlocale
local function query_locale(locale, category)
  if locale ~= nil then return nil end
  return setlocale(nil, category)
end

local function print_to_log(...)
  local words = { n = select("#", ...), ... }
  for i = 1, words.n do words[i] = _G.tostring(words[i]) end
  dispatcher.tell(TELL_OF_LOG, table.concat(words, "\t"))
end

-- features that the program has for its own streams and command line
for _, name in ipairs { "timerlua.app.program", "timerlua.app.output" } do
  package.preload[name] = function()
    error(("require '%s': it is for the program timerlua only"):format(name), 3)
  end
end
_G.os.exit, _G.os.setlocale = exit, query_locale
if dispatcher.has_log then print = print_to_log end

core.hook("post", tell_posted)

return embedding
