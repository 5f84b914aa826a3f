-- Messages to a service manager: the protocol of sd_notify(3), a datagram of lines to the
-- socket named by NOTIFY_SOCKET. Once a script has reported that it is ready, the rest is
-- automatic: the loop sends the watchdog's pings, and stopping is reported.
local core = require "timerlua.core.ffi"
local check = require "timerlua.core.check"
local duration = require "timerlua.core.duration"
local entries = require "timerlua.core.entries"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local misuse = require "timerlua.core.misuse"
local task = require "timerlua.task.task"
local timer = require "timerlua.loop.timer"

local C = core.C
local RETRY, RETRIES = 0.01, 100 -- when the manager's queue is full
local EAGAIN = errno.EAGAIN

local state = { ready = false, pinger = nil, silent = false }

local function now_us()
  return ("%.0f"):format(C.tl_manager_clock())
end

local function flag(word)
  return function(name, value)
    if value ~= true then misuse.got("notify", name .. " must be true", value) end
    return word
  end
end

local function integer(word, most)
  return function(name, value)
    return ("%s=%d"):format(word, check.whole("notify", name, value, 0, most))
  end
end

local function text(word)
  return function(name, value)
    if type(value) ~= "string" or value:find("[%z\n]") then
      misuse.got("notify", name .. " must be a text of one line", value)
    end
    return word .. "=" .. value
  end
end

local function microseconds(word)
  return function(name, value)
    local ns = duration.to_ns("notify", name, value)
    return ("%s=%.0f"):format(word, tonumber((ns + 999) / 1000))
  end
end

local function watchdog(name, value)
  if value == true then return "WATCHDOG=1" end
  if value == false then return nil end -- see start_pinger
  if value ~= "trigger" then
    misuse.got("notify", name .. ' must be true, false or "trigger"', value)
  end
  return "WATCHDOG=trigger"
end

-- The messages, in the order in which they are sent.
local WORDS = {
  { "ready", flag "READY=1" },
  { "reloading", function(name, value)
    return flag "RELOADING=1"(name, value) .. "\nMONOTONIC_USEC=" .. now_us()
  end },
  { "stopping", flag "STOPPING=1" },
  { "status", text "STATUS" },
  { "errno", integer("ERRNO", 4095) },
  { "mainpid", integer("MAINPID", 2 ^ 31 - 1) },
  { "extend_timeout", microseconds "EXTEND_TIMEOUT_USEC" },
  { "watchdog", watchdog },
}
local NAMES = {}
for i, word in ipairs(WORDS) do NAMES[i] = word[1] end

local function checked(what)
  if type(what) == "string" then what = { [what] = true } end
  if type(what) ~= "table" then
    misuse.got("notify", "what must be a word or a table", what)
  end
  for name in entries(what) do
    local known = false
    for _, each in ipairs(NAMES) do known = known or each == name end
    if not known then
      misuse.got("notify", "a word must be one of " .. table.concat(NAMES, ", "), name)
    end
  end
  return what
end

local function lines_of(what)
  local lines = {}
  for _, word in ipairs(WORDS) do
    local name, format = word[1], word[2]
    if what[name] ~= nil then lines[#lines + 1] = format(name, what[name]) end
  end
  return table.concat(lines, "\n")
end

local function address()
  local path = os.getenv("NOTIFY_SOCKET")
  return path ~= "" and path or nil
end

-- One try. True when the message was sent, false when there is no manager.
local function send(lines)
  local path = address()
  if not path then return false end
  local status = C.tl_manager_tell(path, lines, #lines)
  if status ~= 0 then return nil, status, path end
  return true
end

-- Half of the time that the manager waits for a ping, in seconds; sd_watchdog_enabled(3).
local function ping_period()
  local us, pid = tonumber(os.getenv("WATCHDOG_USEC")), os.getenv("WATCHDOG_PID")
  if not us or not (us >= 1 and us < 2 ^ 53) then return nil end
  if pid and tonumber(pid) ~= C.tl_process_id() then return nil end
  return us / 2e6
end

local function ping()
  local _, status, path = send("WATCHDOG=1")
  if status and status ~= EAGAIN then -- a full queue: the manager has enough pings
    local _, message = errors.failed("watchdog ping to " .. path, status)
    error(message, 0)
  end
end

-- Waiting in virtual time takes no time, so there are no pings then.
local function start_pinger(what)
  if what.watchdog == false then
    state.silent = true
    if state.pinger then state.pinger:cancel() end
    state.pinger = nil
  end
  local period = what.ready and not state.silent and ping_period()
  if not period or state.pinger or C.tl_clock_is_virtual(core.loop) ~= 0 then return end
  state.pinger = timer.every(period, ping)
  if state.pinger then
    state.pinger.name = "watchdog"
    state.pinger:unref()
  end
end

local notify = {}

--- Inform the service manager that started the script, as sd_notify(3): one word, "ready",
--- "reloading" or "stopping", or a table with these fields:
---   ready, reloading, stopping: true
---   status: a line for people
---   errno, mainpid: whole numbers
---   extend_timeout: a duration, for a start or stop that takes longer
---   watchdog: true, a ping; "trigger": act as if a ping had been missed; false: no more
---     pings by the loop
--- With ready, and with WATCHDOG_USEC set for this process, the loop begins to send pings,
--- at twice the requested rate. Waits while the manager's queue is full, for at most one
--- second.
--- @param what string|table
--- @return boolean? told true; false when NOTIFY_SOCKET is not set
--- @return string? message
--- @return string? code "ECONNREFUSED", "ENOENT", "EAGAIN" (its queue stays full),
---   "EAFNOSUPPORT" (NOTIFY_SOCKET is neither a path nor an @name) ...
function notify.notify(what)
  what = checked(what)
  local lines = lines_of(what)
  if lines == "" and what.watchdog == nil then return false end
  local told, status, path = address() ~= nil, nil, nil
  if lines ~= "" then
    told, status, path = send(lines)
    for _ = 1, RETRIES do
      if status ~= EAGAIN then break end
      task.sleep(RETRY)
      told, status, path = send(lines)
    end
  end
  if status then return errors.failed("notify " .. path, status) end
  if told and what.ready then state.ready = true end
  if told or what.watchdog == false then start_pinger(what) end
  return told
end

--- Whether the script has reported that it is ready.
function notify.is_ready()
  return state.ready
end

--- The script is ending: report that once, if the script had reported that it is ready.
function notify.stopping()
  if not state.ready then return end
  state.ready = false
  send("STOPPING=1") -- a failure would interest nobody any more
end

return notify
