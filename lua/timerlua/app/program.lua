-- The program: timerlua [options] script.lua [args...].
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local closing = require "timerlua.core.closing"
local entries = require "timerlua.core.entries"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local folder = require "timerlua.app.folder"
local holder = require "timerlua.app.holder"
local tl = require "timerlua"
local instant = require "timerlua.core.instant"
local later = require "timerlua.core.later"
local misuse = require "timerlua.core.misuse"
local nearest = require "timerlua.core.nearest"
local output = require "timerlua.app.output"
local stop = require "timerlua.app.stop"
local task = require "timerlua.task.task"
local virtual_os = require "timerlua.app.virtual_os"

local USAGE = [==[
usage: timerlua [options] script.lua [args...]
       timerlua [options] -e 'code' [script.lua [args...]]
       timerlua [options] - [args...]        (the script is on standard input)
       timerlua explain SCHEDULE             (see timerlua explain --help)

Runs a Lua script whose timers, tasks and descriptors share one loop; ends when
nothing is left to wait for.

  -e code             run this code (may be repeated; then a script, if given)
  -l module           require a module first (may be repeated)
  --on-error=log      report errors in callbacks and go on (the default)
  --on-error=stop     end at the first error
  --virtual-time[=INSTANT]
                      the clock jumps to the next deadline instead of waiting;
                      the wall clock begins at 2000-01-01T00:00:00Z, or at
                      INSTANT
  --slack=DURATION    how late a timer may be so that one sleep serves several;
                      default 125us, 0s is exact
  --stop-grace=DURATION
                      how long tl.on("stop") handlers may take, and a callback
                      that has to return before them; default 5s
  --reload-on=SIGNAL  run the tl.on("reload") handlers at this signal, such as HUP
  --pid-file=PATH     hold a file with the process's number in it; if another
                      process holds it, end at once with status 1
  -v, --version       print the version
  -h, --help          print this
  --                  end of options

Exit status: 0; 1 after an uncaught error; 2 for wrong usage; or the n of
tl.stop(n) or os.exit(n). SIGHUP, SIGINT and SIGTERM run the tl.on("stop") handlers,
then the process ends by that signal; a second one ends it at once.
]==]

local program = {
  holder = holder.report, -- for runtime/app/holder.c
}

local function usage_error(message)
  io.stderr:write("timerlua: ", message, "\n",
    "try 'timerlua --help'\n")
  return 2
end

local function failure(message)
  io.stderr:write("timerlua: ", message, "\n")
  return 1
end

local function version_text()
  return ("timerlua %s (%s)\n"):format(tl._VERSION, jit.version)
end

-- ---------------------------------------------------------------------------
-- options

-- Options whose values are examined later, by their names in the options table.
local WITH_VALUE = { slack = "slack", ["stop-grace"] = "stop_grace", ["reload-on"] = "reload_on",
  ["pid-file"] = "pid_file", ["virtual-time"] = "virtual_time" }

-- The wall clock's first reading in virtual time.
local BEGINNING = "2000-01-01T00:00:00Z"

local VALUED = { ["-e"] = "code", ["-l"] = "a module" }

local LONG = { "--on-error", "--virtual-time", "--slack", "--stop-grace", "--reload-on",
  "--pid-file", "--version", "--help" }

local function unknown(flag)
  local word = flag:match("^[^=]*")
  local meant = nearest.of(word, LONG)
  local hint = meant and meant ~= word and ("; did you mean %s?"):format(meant) or ""
  return ("unknown option '%s'%s"):format(flag, hint)
end

-- Options that need a value after "=", and an example of it.
local EXAMPLES = { ["--on-error"] = "stop", ["--slack"] = "1ms", ["--stop-grace"] = "30s",
  ["--reload-on"] = "HUP", ["--pid-file"] = "/run/job.pid" }

local SHORT = { ["-h"] = "--help", ["-v"] = "--version" }

local function set_flag(options, flag)
  local name, value = flag:match("^%-%-(%l[%l-]*)=(.*)$")
  if flag == "--virtual-time" then
    options.virtual_time = BEGINNING
  elseif flag == "--on-error=log" or flag == "--on-error=stop" then
    options.on_error = flag:match("=(.*)$")
  elseif WITH_VALUE[name] then
    options[WITH_VALUE[name]] = value
  elseif flag == "--version" or flag == "--help" or SHORT[flag] then
    options.show = SHORT[flag] or flag
  elseif EXAMPLES[flag] then
    return nil, ("%s needs a value: %s=%s"):format(flag, flag, EXAMPLES[flag])
  elseif flag:match("^%-%-on%-error") then
    return nil, "--on-error must be log or stop, got '"
      .. (flag:match("=(.*)$") or "") .. "'"
  else
    return nil, unknown(flag)
  end
  return true
end

-- Returns the options and the index of the script in argv, or nil, message.
local function parse(argv)
  local options, i = { steps = {} }, 1
  while i <= #argv do
    local word = argv[i]
    if word == "--" then
      i = i + 1
      break
    elseif word == "-" or word:sub(1, 1) ~= "-" then
      break
    end
    local short = word:sub(1, 2)
    if VALUED[short] then
      local value = word:sub(3)
      if value == "" then
        i = i + 1
        value = argv[i]
      end
      if value == nil then return nil, short .. " needs " .. VALUED[short] end
      table.insert(options.steps, { option = short, value = value })
      options.has_code = options.has_code or short == "-e"
    else
      local ok, message = set_flag(options, word)
      if not ok then return nil, message end
    end
    i = i + 1
  end
  return options, i
end

-- ---------------------------------------------------------------------------
-- loading

-- arg as lua(1) sets it: the script is arg[0], earlier words have negative indices.
local function set_arg(argv, script_index)
  local arg = {}
  for i = 0, #argv do arg[i - script_index] = argv[i] end
  _G.arg = arg
  return { unpack(arg) }
end

local function read_all(file, name)
  local text, message = file:read("*a")
  if not text then return nil, ("cannot read %s: %s"):format(name, message) end
  return text
end

local function source_of(path)
  if path == "-" then
    local text, message = read_all(io.stdin, "standard input")
    return text, message or "=stdin"
  end
  local file, message = io.open(path, "rb")
  if not file then return nil, "cannot open " .. message end
  local text
  text, message = read_all(file, path)
  file:close()
  return text, message or "@" .. path
end

local function compile(text, chunkname)
  local is_bytecode = text:sub(1, 1) == "\27"
  text = not is_bytecode and text:gsub("^#[^\n]*", "", 1) or text
  if not is_bytecode and text:find("\0", 1, true) then
    local _, line = text:sub(1, text:find("\0", 1, true)):gsub("\n", "")
    return nil, ("%s:%d: the script contains a NUL byte"):format(
      chunkname:sub(2), line + 1)
  end
  return loadstring(text, chunkname)
end

local function load_script(path)
  local text, chunkname = source_of(path)
  if not text then return nil, chunkname end
  return compile(text, chunkname)
end

-- ---------------------------------------------------------------------------
-- running

local function check_exit(code)
  local kind = type(code)
  if code == nil or kind == "boolean" or tonumber(code) then return end
  error(("bad argument #1 to 'exit' (number expected, got %s)"):format(kind), 3)
end

-- Every way to end takes the children along: the script's own end does it here, and when
-- the process ends at once, the kernel does it.
local function guard_children()
  closing.own_process()
  local plain_exit = os.exit
  _G.os.exit = function(code, ...) -- luacheck: ignore 122
    check_exit(code)
    closing.run "exit"
    return plain_exit(output.before_exit(code), ...)
  end
end

local function run_steps(steps)
  for _, step in ipairs(steps) do
    if step.option == "-l" then
      local ok, result = pcall(require, step.value)
      if not ok then error(misuse.without_position(result), 0) end
      _G[step.value] = result
    else
      step.chunk()
    end
  end
end

local function prepare(options, argv, script_index)
  for _, step in ipairs(options.steps) do
    if step.option == "-e" then
      local message
      step.chunk, message = compile(step.value, "=(command line)")
      if not step.chunk then return nil, message end
    end
  end
  if not argv[script_index] then return false end
  return load_script(argv[script_index])
end

-- What sets the value of an option, and raises unless the value is one.
local SETTERS = {
  slack = tl.slack,
  ["stop-grace"] = function(value) stop.set_grace("stop-grace", value) end,
  ["virtual-time"] = function(value) -- before any timer
    core.C.tl_clock_virtual_from(core.loop, instant.to_ns("virtual-time", "start", value))
  end,
}

local function apply(options)
  if options.on_error == "stop" then errors.stop_at_first() end
  for name, set in entries(SETTERS) do
    local value = options[(name:gsub("-", "_"))]
    local ok, message = true, nil
    if value then ok, message = pcall(set, tonumber(value) or value) end
    -- the option takes the place of the function and the parameter
    if not ok then return nil, "--" .. name .. message:gsub("^timerlua%.%S+: %S+", "") end
  end
  if options.pid_file == "" then return nil, "--pid-file needs a path" end
  return true
end

-- Before the script begins, so that none of these signals ends it.
local function listen_for_reload(name)
  if not name then return true end
  local ok, subscription, message = pcall(tl.signal, tonumber(name) or name, tl.reload)
  if not ok then return nil, "--reload-on: " .. subscription, 2 end
  if not subscription then return nil, "--reload-on: " .. message, 1 end
  subscription:unref()
  return true
end

local function hold_pid_file(path)
  if not path then return nil, 0 end
  local file, owner = ffi.new("tl_pid_file *[1]"), ffi.new("int32_t[1]")
  local status = core.C.tl_pid_file_make(file, path, owner)
  if status == 0 then return file[0], 0 end
  if status == errno.EEXIST then
    return nil, status, ("--pid-file: process %d holds %s"):format(owner[0], path)
  end
  if status == errno.ENOTUNIQ then
    return nil, status, ("--pid-file %s: there is something else of that name"):format(path)
  end
  local _, message = errors.failed("--pid-file " .. path, status)
  return nil, status, message
end

local function show(what)
  io.stdout:write(what == "--version" and version_text() or USAGE)
  return 0
end

-- Words in the place of a script; a script of that name is run as ./explain.
local COMMANDS = { explain = "timerlua.app.explain" }

--- Called by main.c with the command line, argv[0] included.
--- @return integer code exit status
--- @return integer? signal the signal to end by
function program.main(...)
  local argv = { [0] = (...), select(2, ...) }
  if COMMANDS[argv[1]] then return later.load(COMMANDS[argv[1]]).main(argv) end
  local options, script_index = parse(argv)
  if not options then return usage_error(script_index) end
  if options.show then return show(options.show) end
  if argv[script_index] == nil and not options.has_code then
    return usage_error("no script given")
  end
  local ok, message = apply(options)
  if not ok then return usage_error(message) end
  local args = set_arg(argv, script_index)
  virtual_os.follow()
  if argv[script_index] and argv[script_index] ~= "-" then
    folder.search_first(argv[script_index])
  end
  local chunk
  chunk, message = prepare(options, argv, script_index)
  if chunk == nil then return failure(message) end
  local code
  ok, message, code = listen_for_reload(options.reload_on)
  if not ok then return code == 2 and usage_error(message) or failure(message) end
  local pid_file, status
  pid_file, status, message = hold_pid_file(options.pid_file)
  if status ~= 0 then return failure(message) end
  output.guard()
  guard_children()
  local main = task.spawn(function()
    run_steps(options.steps)
    if chunk then return chunk(unpack(args)) end
  end)
  main.name, main.is_main = "main", true
  errors.follow_up("task", function(source)
    -- other errors are those of a deferred function, and interruptions that main catches
    if source == main and main.traceback then stop.fail() end
  end)
  main.fn = chunk or options.steps[#options.steps].chunk -- for its site
  local exit_status, signal = stop.run()
  closing.run "exit"
  -- an exit by os.exit, or by an error in here, removes it, too
  if pid_file then core.C.tl_pid_file_remove(pid_file) end
  return exit_status, signal
end

return program
