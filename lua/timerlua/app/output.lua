-- The output of scripts, which must not be lost unnoticed. Once tl.stdout or tl.stderr is
-- used, print and the io library write to the same queue, so that all output appears in the
-- order in which it was written.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local callable = require "timerlua.core.callable"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local standard = require "timerlua.system.standard"

local C, loop = core.C, core.loop
local stdout, stderr = io.stdout, io.stderr
local methods = getmetatable(stdout).__index
local plain = { print = print, write = io.write, flush = io.flush,
  method_write = methods.write, method_flush = methods.flush }

local ABOVE_HIGH, BUSY, FULL = C.TL_ABOVE_HIGH, errno.EBUSY, C.TL_QUEUE_FULL
local CLOSED = errno.EBADF -- by the script, when all was sent
local PIECE = 2 ^ 20 -- bytes
local LOW = 64 * 1024

local output = {}

-- The connections of files, and whether there is any.
local routes, routed = {}, false

-- When output cannot be written, the script ends, because nobody would see the rest. print
-- notices the failure at once, even in a loop that never waits, and so does the second send
-- that fails; every turn checks for all other ways to write.
local LOST = "standard output cannot be written"
local shared = core.shared
local cause -- of the first failure, a negative errno
local closed = false -- whether standard output was closed when the program began

local function message()
  local status = cause or C.tl_standard_lost(loop)
  if status == 0 then return LOST end
  local _, text, code = errors.failed(LOST, status)
  return ("%s (%s)"):format(text, code)
end

local function lost_output()
  local text = message()
  if shared.output_told ~= 0 then errors.mute(text) end
  shared.output_told = 1
  C.tl_loop_stop(loop)
  error(text, 0)
end

local function tell_lost_output()
  if shared.output_told ~= 0 then return end -- the report itself flushes
  local _, err = pcall(lost_output)
  errors.report(err, nil, { kind = "task", is_main = true })
end

-- Queue a text, without waiting as a task: the code that prints may be inside a C function.
-- Above the high-water mark, this blocks as stdio does.
local function send(conn, text)
  local slot, generation = conn.slot, conn.generation
  local status = C.tl_stream_send(loop, slot, generation, text, #text)
  if status == BUSY or status == FULL then
    C.tl_stream_drain(loop, slot, generation, 0)
    status = C.tl_stream_send(loop, slot, generation, text, #text)
  end
  if status == ABOVE_HIGH then status = C.tl_stream_drain(loop, slot, generation, LOW) end
  return status
end

local function send_all(file, text)
  local conn = routes[file]
  for from = 1, #text, PIECE do
    local status = send(conn, #text <= PIECE and text or text:sub(from, from + PIECE - 1))
    if status < 0 then return status end
  end
  -- at once, as stdio does for this stream, as far as there is room
  if file == stderr or conn.is_terminal then
    C.tl_stream_flush(loop, conn.slot, conn.generation)
  end
  return 0
end

local function print_to_queue(...)
  local words = {}
  for i = 1, select("#", ...) do
    local word = _G.tostring((select(i, ...))) -- the script's, as print has it
    if type(word) ~= "string" then error("'tostring' must return a string to 'print'", 2) end
    words[i] = word
  end
  local status = send_all(stdout, table.concat(words, "\t") .. "\n")
  if status < 0 then
    cause = cause or status
    lost_output()
  end
end

local function failed(file, status)
  if file == stdout then
    cause = cause or status
    tell_lost_output()
  end
  return nil, ffi.string(C.tl_error_text(status)), -status
end

local function write_to_queue(file, ...)
  local words = { ... }
  for i = 1, select("#", ...) do
    local kind = type(words[i])
    if kind ~= "string" and kind ~= "number" then
      error(("bad argument #%d to 'write' (string expected, got %s)"):format(i, kind), 3)
    end
  end
  local status = send_all(file, table.concat(words))
  if status < 0 then return failed(file, status) end
  return true
end

-- On return the kernel has everything, for programs that are started next.
local function flush_queue(file)
  local conn = routes[file]
  local status = C.tl_stream_drain(loop, conn.slot, conn.generation, 0)
  if status < 0 and status ~= CLOSED then return failed(file, status) end
  return true
end

-- The results of the io library's own functions; a failure is told by errno.
local function noting(file, ok, text, number)
  if not ok and file == stdout and number then cause = cause or -number end
  return ok, text, number
end

-- Replaced from the start, because scripts keep these functions in locals.
local function replace_functions()
  rawset(_G, "print", callable.stand_in(function(...)
    if routed and routes[stdout] then return print_to_queue(...) end
    plain.print(...)
    local status = C.tl_stdio_failed(stdout)
    if status ~= 0 then
      cause = cause or status
      lost_output()
    end
  end, plain.print))
  rawset(io, "write", function(...)
    local file = routed and io.output()
    if file and routes[file] then return write_to_queue(file, ...) end
    return noting(io.output(), plain.write(...))
  end)
  rawset(io, "flush", function()
    local file = routed and io.output()
    if file and routes[file] then return flush_queue(file) end
    return noting(io.output(), plain.flush())
  end)
  function methods.write(file, ...)
    if routed and routes[file] then return write_to_queue(file, ...) end
    return noting(file, plain.method_write(file, ...))
  end
  function methods.flush(file)
    if routed and routes[file] then return flush_queue(file) end
    return noting(file, plain.method_flush(file))
  end
end

-- The first failure is returned and told; whoever goes on all the same is ended.
local function checked(ok, ...)
  if not ok and (closed or C.tl_standard_lost(loop) ~= 0) then
    if shared.output_told ~= 0 then lost_output() end
    tell_lost_output()
  end
  return ok, ...
end

local function check_results(conn, name)
  local method = conn[name]
  conn[name] = function(...) return checked(method(...)) end
end

local function route(file, conn, status)
  if file == stdout then
    check_results(conn, "send")
    check_results(conn, "flush")
    closed = status < 0
    if closed then cause = cause or status end
  end
  if file == io.stdin or status < 0 then return end
  routed = true
  conn.is_terminal = C.tl_file_is_terminal(conn:fileno()) ~= 0
  routes[file] = conn
end

--- What is printed leaves before os.exit ends the process.
--- @param code any the argument of os.exit
--- @return any code 1 in the place of success, when output was lost
function output.before_exit(code)
  local flush = routes[stdout] and flush_queue or methods.flush
  if not flush(stdout) then tell_lost_output() end
  local succeeds = code == nil or code == true or tonumber(code) == 0
  return shared.output_told ~= 0 and succeeds and 1 or code
end

--- End the script when standard output cannot be written.
function output.guard()
  replace_functions()
  standard.on_open(route)
  core.hook("output", tell_lost_output)
  core.dispatcher.guard_output()
end

return output
