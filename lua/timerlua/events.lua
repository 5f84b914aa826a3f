-- The runtime's own events: "error", "stop", "clock_jump", "reload".
local core = require "timerlua.ffi"
local callable = require "timerlua.callable"
local misuse = require "timerlua.misuse"

local handlers = { error = {}, stop = {}, clock_jump = {}, reload = {} }

local events = {}

local Subscription = {}
Subscription.__index = Subscription

local function watch_clock()
  core.C.tl_loop_want_jumps(core.loop, #handlers.clock_jump > 0 and 1 or 0)
end

--- Stop delivering to this handler; harmless when repeated.
function Subscription:cancel()
  if getmetatable(self) ~= Subscription then
    misuse.got("subscription:cancel",
      "it must be called on what tl.on returned, as subscription:cancel()", self)
  end
  local list = handlers[self.event]
  for i, entry in ipairs(list) do
    if entry == self then
      table.remove(list, i)
      watch_clock()
      return true
    end
  end
  return false
end

--- Call `fn` when the runtime has something to tell:
---   "error": fn(err, traceback, source), instead of a report on standard
---     error; the error then does not count for the exit status
---   "stop": fn(reason, code), once, before the program ends; reason is
---     "done", "stop", "error" or a signal's name such as "SIGTERM"
---   "clock_jump": fn(seconds), the wall clock was stepped by so much, or
---     the machine was asleep for it
---   "reload": fn(reason), the configuration is to be read anew; reason is a
---     signal's name such as "SIGHUP", or what tl.reload was given
--- @param event "error"|"stop"|"clock_jump"|"reload"
--- @param fn function
--- @return table subscription with subscription:cancel()
function events.on(event, fn)
  if not handlers[event] then
    misuse.got("on", 'event must be "error", "stop", "clock_jump" or "reload"', event)
  end
  callable.check("on", "fn", fn)
  local entry = setmetatable({ event = event, fn = fn }, Subscription)
  table.insert(handlers[event], entry)
  watch_clock()
  return entry
end

--- Iterate over the functions that listen now, also if some cancel meanwhile.
function events.each(event)
  local list, i = {}, 0
  for k, entry in ipairs(handlers[event]) do list[k] = entry.fn end
  return function()
    i = i + 1
    return list[i]
  end
end

return events
