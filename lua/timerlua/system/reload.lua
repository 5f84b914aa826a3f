-- Reading the configuration again: the tl.on("reload") handlers, and the messages to a
-- service manager around them.
local errors = require "timerlua.core.errors"
local events = require "timerlua.core.events"
local notify = require "timerlua.system.notify"
local wait = require "timerlua.task.wait"

local reload = {}

local state = { under_way = false, again = nil }

local function tell(what)
  if not notify.is_ready() then return end
  local told, message = notify.notify(what)
  if told == nil then errors.report(message, nil, { kind = "reload" }) end
end

-- An interruption of the caller ends this, too; the service is ready again.
local function run(reason)
  tell("reloading")
  local source = { kind = 'tl.on("reload") handler' }
  local ok, err = pcall(function()
    for handler in events.each("reload") do
      errors.guard_but(wait.is_interrupt, source, handler, reason)
    end
  end)
  tell("ready")
  if not ok then error(err, 0) end
end

--- Call the tl.on("reload") handlers, one after the other, and return when they have
--- returned. A service manager that was told "ready" is informed. A call while the handlers
--- run makes them run once more, and returns at once. If the caller is cancelled or its
--- time is over, the handler that waits is interrupted, and the remaining handlers are not
--- called. --reload-on=HUP does the same as tl.signal("HUP", tl.reload).
--- @param reason? any passed to the handlers; default "reload"; for a signal's
---   subscription, the signal's name
function reload.reload(reason)
  if type(reason) == "table" and reason.kind == "signal" then reason = reason.signal end
  if reason == nil then reason = "reload" end
  if state.under_way then
    state.again = { reason }
    return
  end
  state.under_way = true
  repeat
    state.again = nil
    local ok, err = pcall(run, reason)
    if not ok then -- its task was interrupted where it waited
      state.under_way, state.again = false, nil
      error(err, 0)
    end
    reason = state.again and state.again[1]
  until not state.again
  state.under_way = false
end

return reload
