-- The runtime's own events: "error", "stop", "clock_jump", "reload", "post".
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local entries = require "timerlua.core.entries"
local misuse = require "timerlua.core.misuse"
local suggest = require "timerlua.core.suggest"

local handlers = { error = {}, stop = {}, clock_jump = {}, reload = {}, post = {} }

local EVENTS = {}
for event in entries(handlers) do EVENTS[#EVENTS + 1] = event end
table.sort(EVENTS)
local SYNONYMS = { exit = "stop", quit = "stop", close = "stop", ["end"] = "stop",
  exception = "error", uncaughtException = "error" }

local events = {}

--- @class timerlua.Subscription
--- @since 0.1
--- @field event string the event's name
local Subscription = {}
Subscription.__index = Subscription
suggest.methods(Subscription, "subscription", { stop = "cancel", close = "cancel",
  off = "cancel" })

function Subscription.__tostring(self)
  return ("timerlua.Subscription: %s (%s)"):format(tostring(self.event),
    callable.site(self.fn))
end

local function want_jumps(on)
  return core.C.tl_loop_want_jumps(core.loop, on and 1 or 0)
end

local function tell_core()
  want_jumps(#handlers.clock_jump > 0)
  local host = core.dispatcher.host
  if host and not host.keep_running then -- posts may come
    core.C.tl_loop_hold(core.loop, #handlers.post > 0 and 1 or 0)
  end
end

local check_self = check.self_of(Subscription, "subscription", "what tl.on returned")

--- Stop delivering to this handler; harmless when repeated.
--- @return boolean cancelled false if it was cancelled before
function Subscription:cancel()
  check_self(self, "cancel")
  local list = handlers[self.event]
  for i, entry in ipairs(list) do
    if entry == self then
      table.remove(list, i)
      tell_core()
      return true
    end
  end
  return false
end

--- Call `fn` when the runtime has something to report:
---   "error": fn(err, traceback, source), instead of a report on standard
---     error; the error then does not count for the exit status
---   "stop": fn(reason, code), once, before the program or the run of a host ends; `reason` is
---     "done", "stop", "error" or a signal's name such as "SIGTERM"
---   "clock_jump": fn(seconds), the wall clock was stepped by `seconds`, or the machine was
---     suspended for `seconds`
---   "reload": fn(reason), the configuration is to be read again; `reason` is a signal's
---     name such as "SIGHUP", or the argument of tl.reload
---   "post": fn(name, bytes), a program that embeds the runtime has posted an event,
---     tl_post_event in timerlua.h; the loop keeps waiting for events
--- @param event "error"|"stop"|"clock_jump"|"reload"|"post"
--- @param fn function called as above; may wait
--- @return timerlua.Subscription? subscription nil if the wall clock cannot be watched
--- @return string? message
--- @return string? code "EMFILE", "ENFILE", "ENOMEM": only for "clock_jump"
function events.on(event, fn)
  if not handlers[event] then
    local signal = type(event) == "string" and event:upper():match("^SIG(%u+)$")
    misuse.raise("on", ('event must be "error", "stop", "clock_jump", "reload" or "post", '
      .. "got %s%s"):format(misuse.show(event), signal
      and ("; for a signal: tl.signal(%q, fn)"):format(signal)
      or suggest.hint(event, EVENTS, SYNONYMS)))
  end
  callable.check("on", "fn", fn)
  local status = event == "clock_jump" and want_jumps(true) or 0
  if status ~= 0 then
    return nil, "on clock_jump: " .. ffi.string(core.C.tl_error_text(status)):lower(),
      ffi.string(core.C.tl_error_name(status))
  end
  local entry = setmetatable({ event = event, fn = fn }, Subscription)
  table.insert(handlers[event], entry)
  tell_core()
  return entry
end

--- Iterate over the functions that listen now, even if some cancel in between.
function events.each(event)
  local list, i = {}, 0
  for k, entry in ipairs(handlers[event]) do list[k] = entry.fn end
  return function()
    i = i + 1
    return list[i]
  end
end

--- The same for an event that comes once: these functions listen no longer.
function events.take(event)
  local each = events.each(event)
  handlers[event] = {}
  return each
end

return events
