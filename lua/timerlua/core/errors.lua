-- Uncaught errors: passed to tl.on("error") handlers, or otherwise written to standard
-- error and counted for the exit status.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local events = require "timerlua.core.events"
local misuse = require "timerlua.core.misuse"
local printable = require "timerlua.core.printable"
local xpcall = require "timerlua.core.native_xpcall"

local dispatcher, shared = core.dispatcher, core.shared
local STDERR = 2
local TELL_OF_ERROR = core.C.TL_TELL_OF_ERROR

local errors = {}

local stops_at_first = false -- on an uncaught error
local follow_ups = {} -- functions by the kind of an error's source

-- Kept, because a script may replace io.stderr.
local stdout, stderr = io.stdout, io.stderr
local getmetatable_of = debug.getmetatable -- a host may remove it for scripts

-- A pattern for the names of timerlua's own files in tracebacks.
local own_files = debug.getinfo(1, "S").short_src:gsub("core/errors%.lua$", "")
  :gsub("%p", "%%%0")

--- The meaning of ECHILD, for which the system's text is "no child processes".
errors.FORKED = "called in a process forked from the one that the loop belongs to"

--- System failures as Lua returns them: nil, message, code.
function errors.failed(subject, status)
  local C = core.C
  local code, text = ffi.string(C.tl_error_name(status)), ffi.string(C.tl_error_text(status))
  return nil, subject .. ": " .. (code == "ECHILD" and errors.FORKED or text:lower()), code
end

local function describe(err)
  local kind = type(err)
  if kind == "string" or kind == "number" then return tostring(err) end
  local meta = getmetatable_of(err)
  if type(meta) == "table" and meta.__tostring then
    local ok, text = pcall(tostring, err)
    if ok then return text end
  end
  if kind == "table" and next(err) ~= nil then return printable.fields(err) end
  return ("(error object is a %s value)"):format(kind)
end

local function read_source(source)
  return source.kind, source.name, source.site, source.kind == "task" and source.is_main
end

--- A timer, task, watch or socket as reports name it: 'timer "printer" (job.lua:3)'.
function errors.name(source)
  -- a script may have put anything there
  local ok, kind, name, site, is_main = pcall(read_source, source)
  if not ok then kind, name, site = nil, nil, nil end
  if is_main then kind, name = "the main chunk", nil end
  return (type(kind) == "string" and kind or "callback")
    .. (type(name) == "string" and " " .. misuse.show(name) or "")
    .. (type(site) == "string" and " (" .. site .. ")" or "")
end

-- The source of an error; the main chunk's message names it already.
local function who(source)
  if source == nil or (source.kind == "task" and source.is_main) then return "" end
  return "error in " .. errors.name(source) .. ": "
end

-- A traceback without the frames of timerlua itself.
local function script_frames(traceback)
  return (traceback:gsub("\n\t" .. own_files .. "[^\n]*", ""))
end

--- Report a text without the line's end: to the host if there is one, otherwise to standard
--- error. A terminal does not obey the bytes of a peer that are in a message.
function errors.write(text)
  if dispatcher.tell then return dispatcher.tell(TELL_OF_ERROR, text) end
  if core.C.tl_file_is_terminal(STDERR) ~= 0 then text = printable.text(text) end
  stdout:flush()
  stderr:write("timerlua: ", text, "\n")
end

--- The text of a report.
function errors.text(err, traceback, source)
  return who(source) .. describe(err)
    .. (traceback and traceback ~= "" and "\n" .. script_frames(traceback) or "")
end

local function with_traceback(err)
  return { err = err, traceback = debug.traceback("", 2):sub(2) }
end

--- Count an error for the exit status.
function errors.count()
  shared.errors = shared.errors + 1
end

local muted -- an error value that was reported and is raised again, or nil

--- Report no more errors with this value, a string; they count all the same.
function errors.mute(value)
  muted = value
end

local function count_and_write(err, traceback, source)
  errors.count()
  if muted and err == muted then return end
  if stops_at_first then core.C.tl_loop_stop(core.loop) end
  errors.write(errors.text(err, traceback, source))
end

-- True when there are handlers and each of them took the error.
local function tell_handlers(err, traceback, source)
  local told, failed = false, false
  for handler in events.each("error") do
    told = true
    local ok, failure = xpcall(handler, with_traceback, err, traceback, source)
    if not ok then
      failed = true
      count_and_write(failure.err, failure.traceback, { kind = 'tl.on("error") handler' })
    end
  end
  return told and not failed
end

--- Handle an error that ended a callback or task.
--- @param err any the error value
--- @param traceback string of the coroutine that the error ended
--- @param source table? the timer, task, watch or socket: kind, name, site
function errors.report(err, traceback, source)
  if not tell_handlers(err, traceback, source) then
    count_and_write(err, traceback, source)
  end
  local ok, kind = pcall(function() return source and source.kind end)
  local follow_up = ok and follow_ups[kind]
  if follow_up then follow_up(source) end
end

--- Have `fn(source)` called after each report of an error whose source is of this kind.
--- Each kind has one such function.
--- @param kind string "connection"
function errors.follow_up(kind, fn)
  if follow_ups[kind] then
    error(("errors of kind %q are followed up already"):format(kind), 2)
  end
  follow_ups[kind] = fn
end

--- End the loop at the first uncaught error.
function errors.stop_at_first()
  stops_at_first = true
end

--- Call `fn(...)`; report an error in it as an error of `source`, or raise the error if
--- `is_passed(err)`.
--- @param source table kind, name, site
function errors.guard_but(is_passed, source, fn, ...)
  local ok, failure = xpcall(fn, with_traceback, ...)
  if ok then return end
  if is_passed(failure.err) then error(failure.err, 0) end
  errors.report(failure.err, failure.traceback, source)
end

--- Call `fn(...)`; report an error in it as an error of `source`.
--- @param source table kind, name, site
function errors.guard(source, fn, ...)
  local ok, failure = xpcall(fn, with_traceback, ...)
  if not ok then errors.report(failure.err, failure.traceback, source) end
end

--- Call every handler of an event, each protected.
function errors.call_handlers(event, ...)
  for handler in events.each(event) do
    errors.guard({ kind = ('tl.on("%s") handler'):format(event) }, handler, ...)
  end
end

-- A finalizer (__gc) raised an error while no code of the script ran.
core.hook("raised", function(err)
  errors.report(err, "", { kind = "finalizer" })
end)

return errors
