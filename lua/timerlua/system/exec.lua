-- Starting a child process: the script's request, checked and put into the form that the
-- core takes.
local ffi = require "ffi"
local new_table = require "table.new"
local core = require "timerlua.core.ffi"
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local closing = require "timerlua.core.closing"
local connection = require "timerlua.net.connection.making"
local entries = require "timerlua.core.entries"
local object = require "timerlua.net.connection.object"
local duration = require "timerlua.core.duration"
local ending = require "timerlua.net.connection.ending"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local fileno = require "timerlua.core.fileno"
local misuse = require "timerlua.core.misuse"
local options = require "timerlua.net.options"
local process = require "timerlua.system.process"
local wait = require "timerlua.task.wait"

local C = core.C
local stdout, type_of_file = io.stdout, io.type
local GROUP, SESSION, FOLLOWS = C.TL_SPAWN_GROUP, C.TL_SPAWN_SESSION, C.TL_SPAWN_FOLLOWS
local NICE, GID, UID, BLOCKING =
  C.TL_SPAWN_NICE, C.TL_SPAWN_GID, C.TL_SPAWN_UID, C.TL_SPAWN_BLOCKING
local PLACES = { inherit = C.TL_STDIO_INHERIT, null = C.TL_STDIO_NULL,
  stdout = C.TL_STDIO_STDOUT }
local NO_MEMORY, BUSY = errno.ENOMEM, errno.EBUSY
local STREAMS = { "stdin", "stdout", "stderr" }
local STEPS = {
  [C.TL_STEP_STDIN] = "stdin", [C.TL_STEP_STDOUT] = "stdout", [C.TL_STEP_STDERR] = "stderr",
  [C.TL_STEP_GROUP] = "pgroup", [C.TL_STEP_SESSION] = "detached", [C.TL_STEP_NICE] = "nice",
  [C.TL_STEP_CWD] = "cwd", [C.TL_STEP_GROUPS] = "groups", [C.TL_STEP_GID] = "gid",
  [C.TL_STEP_UID] = "uid",
}
local STEP_LIMIT, STEP_CWD, NO_STEP = C.TL_STEP_LIMIT, C.TL_STEP_CWD, C.TL_STEP_CLONE
local DEFAULT_PATH = "/usr/local/bin:/bin:/usr/bin" -- if PATH is not set
local MOST_ID = 2 ^ 32 - 2
local UNLIMITED = 2 ^ 64 - 1

-- The resources of getrlimit(2) that tl_limits_resource knows.
local RESOURCES = "as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, "
  .. "rss, rtprio, rttime, sigpending, stack"

local strings_of = ffi.typeof("const char *[?]")
local limits_of = ffi.typeof("tl_spawn_limit[?]")
local new_spawn, new_spawned = ffi.typeof("tl_spawn"), ffi.typeof("tl_spawned")
local new_pair = ffi.typeof("int32_t[2]")

local exec = {
  options = "stdin stdout stderr cwd env setenv uid gid pgroup nice rlimits timeout "
    .. "kill_after detached on_exit name",
}
local NONE = {}
local KNOWN = check.names(exec.options)

-- ---------------------------------------------------------------------------
-- the program and its arguments

-- `what` may have a place for a number or name, filled in only for an error.
local function check_text(where, what, value, detail)
  if type(value) == "string" and not value:find("\0", 1, true) then return value end
  misuse.got(where, what:format(detail) .. (type(value) == "string"
    and " must be without NUL bytes" or " must be a string"), value)
end

-- A copy, because the script may change its own table later.
local function checked_argv(where, argv)
  if type(argv) ~= "table" then
    misuse.got(where, "argv must be a list of strings, not a command line", argv)
  end
  local list, count = new_table(#argv, 0), 0
  for i = 1, #argv do
    list[i] = check_text(where, "argv[%d]", argv[i], i)
  end
  for key in entries(argv) do
    count = count + 1
    if count > #list then
      for name in entries(argv) do if list[name] == nil then key = name end end
      misuse.got(where, "argv must be a list of strings; options go in the second table", key)
    end
  end
  if #list == 0 then misuse.raise(where, "argv must not be empty") end
  return list
end

local function variable(where, name, value)
  check_text(where, "a name in the environment", name)
  if name == "" or name:find("=", 1, true) then
    misuse.got(where, "a name in the environment must not be empty or have an =", name)
  end
  return check_text(where, "variable %s", value, name)
end

-- All of our own environment variables.
local function own_environment()
  local given, all = C.tl_process_environment(), {}
  local i = 0
  while given ~= nil and given[i] ~= nil do
    local name, value = string.match(ffi.string(given[i]), "^([^=]+)=(.*)$")
    if name then all[name] = value end
    i = i + 1
  end
  return all
end

local function check_table(where, opts, name)
  local value = opts[name]
  if value ~= nil and type(value) ~= "table" then
    misuse.got(where, ("option %s must be a table"):format(name), value)
  end
  return value
end

-- The child's variables, or nil if they are ours.
local function environment(where, opts)
  local env, changes = check_table(where, opts, "env"), check_table(where, opts, "setenv")
  if not (env or changes) then return nil end
  local all = changes and not env and own_environment() or {}
  for name, value in entries(env or {}) do all[name] = variable(where, name, value) end
  for name, value in entries(changes or {}) do
    all[name] = value ~= false and variable(where, name, value) or nil
  end
  return all
end

local function listed(variables)
  local list = {}
  for name, value in entries(variables) do list[#list + 1] = name .. "=" .. value end
  table.sort(list)
  return list
end

-- ---------------------------------------------------------------------------
-- attributes

local function whole(where, opts, name, least, most)
  local value = opts[name]
  return value ~= nil and check.whole(where, "option " .. name, value, least, most) or nil
end

local function limit_value(where, name, value)
  if value == "unlimited" or value == math.huge then return ffi.cast("uint64_t", -1) end
  if not check.is_whole(value, 0) or value >= UNLIMITED then
    misuse.got(where, ('limit %s must be a whole number >= 0, "unlimited" or {soft, hard}')
      :format(name), value)
  end
  return value
end

local function resource_of(where, name)
  local number = type(name) == "string" and C.tl_limits_resource(name)
  if number and number >= 0 then return number end
  misuse.got(where, "a limit must be one of " .. RESOURCES, name)
end

-- The limits as the core takes them, their count, and their names in that order.
local function limits(where, opts)
  local given = check_table(where, opts, "rlimits")
  if not given then return nil, 0 end
  local names = {}
  for name in entries(given) do
    resource_of(where, name)
    names[#names + 1] = name
  end
  if #names == 0 then return nil, 0 end
  table.sort(names)
  local list = limits_of(#names)
  for i, name in ipairs(names) do
    local value = given[name]
    local pair = type(value) == "table" and value or { value, value }
    local entry = list[i - 1]
    entry.resource = resource_of(where, name)
    entry.soft = limit_value(where, name, pair[1])
    entry.hard = limit_value(where, name, pair[2])
  end
  return list, #names, names
end

local function attributes(where, opts, spawn)
  local flags = 0
  local pgroup = opts.pgroup
  if pgroup == false then pgroup = nil end
  if pgroup == true then
    flags = flags + GROUP
  elseif pgroup ~= nil then
    flags, spawn.group = flags + GROUP, whole(where, opts, "pgroup", 1, 2 ^ 31 - 1)
  end
  if options.flag(where, opts, "detached", false) then
    if pgroup ~= nil then misuse.raise(where, "options detached and pgroup exclude each other") end
    flags = flags + SESSION
  elseif closing.owns_process() then
    flags = flags + FOLLOWS
  end
  local nice = whole(where, opts, "nice", -20, 19)
  if nice then flags, spawn.nice = flags + NICE, nice end
  local gid = whole(where, opts, "gid", 0, MOST_ID)
  local uid = whole(where, opts, "uid", 0, MOST_ID)
  if gid then flags, spawn.gid = flags + GID, gid end
  if uid then flags, spawn.uid = flags + UID, uid end
  return flags
end

-- ---------------------------------------------------------------------------
-- standard streams

--- @class timerlua.Stdio what becomes of the standard streams
--- @field ours table<string, timerlua.Connection> our ends of pipes
--- @field theirs integer[] the child's ends, ours only until the child has them
--- @field handed timerlua.Connection[]
--- @field blocking integer TL_SPAWN_BLOCKING for each stream that is to block

local pipe_settings = connection.settings("exec", {})

local function make_pipe(spawn, i, stdio)
  local fds = new_pair()
  local status = C.tl_file_pipe(fds)
  if status ~= 0 then return status end
  local sends = i == 1
  local mine, theirs = fds[sends and 1 or 0], fds[sends and 0 or 1]
  local conn
  conn, status = connection.of_pipe(mine, sends, pipe_settings)
  if not conn then
    C.tl_descriptor_close(mine)
    C.tl_descriptor_close(theirs)
    return status
  end
  stdio.ours[STREAMS[i]] = conn
  stdio.theirs[#stdio.theirs + 1] = theirs
  stdio.blocking = stdio.blocking + bit.lshift(BLOCKING, i - 1)
  spawn.stdio[i - 1] = theirs
  return 0
end

-- The connection is the child's from now on. Bytes that were received but not taken, or
-- that are still to be sent, would be lost.
local function give_connection(where, spawn, i, conn, stdio)
  local fd = conn:fileno()
  if not fd then
    misuse.raise(where, ("option %s must not be a closed connection"):format(STREAMS[i]))
  end
  spawn.stdio[i - 1] = fd
  C.tl_stream_flush(core.loop, conn.slot, conn.generation)
  local stats = conn:stats()
  if stats.queued > 0 or stats.buffered > 0 then return BUSY end
  stdio.handed[conn] = true
  stdio.blocking = stdio.blocking + bit.lshift(BLOCKING, i - 1)
  return 0
end

local function is_connection(value)
  return getmetatable(value) == object.Connection
end

-- Our own standard streams stay ours: the child shares the descriptor. Returns its number;
-- nil for any other value.
local function standard_number(value, own)
  if value == nil or value == "inherit" then return own end
  if type(value) == "string" then return nil end
  if is_connection(value) then
    for number = 0, 2 do
      if connection.standard[number] == value and value:fileno() then return number end
    end
    return nil
  end
  local fd = fileno.find(value)
  return fd and fd <= 2 and fd or nil
end

-- On return, the kernel has the output that we have written and that the child's output is
-- to follow. If this takes time, it waits as a task where that is possible.
local function send_before(number)
  local conn = connection.standard[number]
  if conn and conn:queued() > 0 and wait.can_suspend() then conn:flush() end
  if conn then C.tl_stream_drain(core.loop, conn.slot, conn.generation, 0) end
  if number == 1 then stdout:flush() end
end

-- The child shares some of our streams, with the file descriptions behind them. 1 and 2
-- often have the same description.
local function share_streams(opts)
  local shares, writes = false, false
  for i, name in ipairs(STREAMS) do
    local number = standard_number(opts[name], i - 1)
    if number then shares = true end
    if number and number > 0 then writes = true end
  end
  if writes then
    send_before(1)
    send_before(2)
  end
  if shares then C.tl_standard_lend(core.loop) end
end

-- Prepare one stream; returns a status.
local function prepare_stream(where, spawn, i, value, stdio)
  local place = PLACES[value]
  if value == "pipe" then return make_pipe(spawn, i, stdio) end
  if place and (value ~= "stdout" or i == 3) then
    spawn.stdio[i - 1] = place
    return 0
  end
  local number = standard_number(value)
  if is_connection(value) and not number then
    return give_connection(where, spawn, i, value, stdio)
  end
  if type_of_file(value) == "file" then value:flush() end
  local fd = number or fileno.find(value)
  if not fd then
    misuse.got(where, ('option %s must be "pipe", "inherit", "null",%s a descriptor, '
      .. 'an io file or a connection'):format(STREAMS[i], i == 3 and ' "stdout",' or ""), value)
  end
  if fd > 2 and type_of_file(value) ~= "file" then fileno.check_reach(where, fd) end
  spawn.stdio[i - 1] = fd
  return 0
end

local function close_theirs(stdio)
  for _, fd in ipairs(stdio.theirs) do C.tl_descriptor_close(fd) end
end

local function undo(stdio)
  close_theirs(stdio)
  for _, conn in entries(stdio.ours) do conn:close() end
end

local INHERITED = { ours = {}, theirs = {}, handed = {}, blocking = 0 }

-- Prepare all three; or return nil, a status and the stream that failed.
local function prepare_streams(where, opts, spawn)
  for i = 0, 2 do spawn.stdio[i] = PLACES.inherit end
  if opts.stdin == nil and opts.stdout == nil and opts.stderr == nil then return INHERITED end
  local stdio = { ours = {}, theirs = {}, handed = {}, blocking = 0 }
  for i, name in ipairs(STREAMS) do
    local value = opts[name]
    if value ~= nil then
      local ok, status = pcall(prepare_stream, where, spawn, i, value, stdio)
      if not ok or status ~= 0 then undo(stdio) end
      if not ok then error(status, 0) end
      if status ~= 0 then return nil, status, i end
    end
  end
  return stdio
end

-- ---------------------------------------------------------------------------
-- starting

local function strings(list)
  local array = strings_of(#list + 1)
  for i, text in ipairs(list) do array[i - 1] = text end
  return array
end

local function failure(where, self, status, step, opts, names)
  local subject = where .. " " .. self.argv[1]
  local name = STEPS[step]
  if step >= STEP_LIMIT and step < STEP_CWD then name = "limit " .. names[step - STEP_LIMIT + 1] end
  if name then subject = subject .. ": " .. name end
  if name == "cwd" then subject = subject .. " " .. opts.cwd end
  return errors.failed(subject, status)
end

--- @class timerlua.Order the core's arguments, and the memory that they point to
--- @field spawn ffi.cdata* tl_spawn
--- @field spawned ffi.cdata* tl_spawned
--- @field names string[]|false of the limits; the other names only keep values alive. False
---   and never nil, because assigning a nil key makes room in the table again each time
local function new_order()
  return { spawn = new_spawn(), spawned = new_spawned(), words = false, env = false,
    variables = false, path = false, limits = false, names = false }
end

local spare = new_order() -- reused

-- The options about the process, except its streams.
local function describe(where, argv, opts)
  local variables = environment(where, opts)
  local path = not argv[1]:find("/", 1, true)
    and (variables and variables.PATH or os.getenv("PATH") or DEFAULT_PATH) or nil
  local words, env = strings(argv), variables and listed(variables)
  local pointers = env and strings(env)
  local list, count, names = limits(where, opts)
  local cwd = opts.cwd
  if cwd ~= nil then check_text(where, "option cwd", cwd) end
  local order = spare or new_order() -- nil while a finalizer also starts one
  spare = nil
  local spawn = order.spawn
  spawn.argv, spawn.env, spawn.path, spawn.cwd = words, pointers, path, cwd
  spawn.limits, spawn.limit_count = list, count
  order.words, order.path, order.env = words, path or false, env or false
  order.variables, order.limits, order.names = pointers or false, list or false, names or false
  spawn.options = attributes(where, opts, spawn)
  return order
end

-- Apply the remaining options. Returns how long the process may run.
local function settle(where, self, opts)
  if opts.on_exit ~= nil then callable.check(where, "option on_exit", opts.on_exit) end
  if opts.name ~= nil then check_text(where, "option name", opts.name) end
  if opts.pgroup == true then self.leads_group = true end
  if opts.detached then self.detached = true end
  if opts.name then self.name = opts.name end
  if opts.kill_after then self.kill_after = options.seconds(where, opts, "kill_after") end
  self.on_exit = opts.on_exit
  return opts.timeout ~= nil and duration.of(where, "option timeout", opts.timeout)
end

local function spawn_once_more(order)
  collectgarbage() -- garbage may hold the memory
  return C.tl_process_spawn(order.spawn, order.spawned)
end

-- Start the process, and take the parent's part of the streams.
local function start(where, self, opts, limit)
  local order = describe(where, self.argv, opts)
  local spawn, spawned = order.spawn, order.spawned
  share_streams(opts)
  local stdio, status, which = prepare_streams(where, opts, spawn)
  if not stdio then return failure(where, self, status, which, opts) end
  spawn.options = spawn.options + stdio.blocking
  status, spawned.step = process.room(), NO_STEP
  if status == 0 then status = C.tl_process_spawn(spawn, spawned) end
  if status == NO_MEMORY then status = spawn_once_more(order) end
  spare = order
  if status ~= 0 then
    undo(stdio)
    return failure(where, self, status, spawned.step, opts, order.names)
  end
  self.pid, self.pidfd = spawned.pid, spawned.pidfd
  if stdio ~= INHERITED then
    close_theirs(stdio)
    for conn in entries(stdio.handed) do ending.hand_over(conn) end
    for name, conn in entries(stdio.ours) do self[name] = conn end
  end
  local adopted
  adopted, status = process.adopt(self, limit)
  if not adopted then
    for _, conn in entries(stdio.ours) do conn:close() end
    return failure(where, self, status, NO_STEP, opts)
  end
  if not opts.detached then wait.own(self) end
  return self
end

-- With room for every field that a process gets, because a growing table is reallocated
-- each time.
local function new_process(argv, caller)
  local self = new_table(0, 16)
  self.argv, self.caller = argv, caller
  return self
end

--- The same as exec.exec, for a function of another name.
--- @param caller? table from misuse.caller; nil if on_exit gives the site
function exec.start(where, argv, opts, caller)
  local self = new_process(checked_argv(where, argv), caller)
  if next(opts) == nil then return start(where, self, opts) end
  return start(where, self, opts, settle(where, self, opts))
end

--- @class timerlua.ExecOptions
--- @since 0.1
--- @field stdin? string|integer|file*|table "inherit" (the default); "pipe": a connection,
---   `process.stdin`; "null": /dev/null; a descriptor, an io file, an object with fileno(); a
---   connection, which is handed over
--- @field stdout? string|integer|file*|table as for stdin
--- @field stderr? string|integer|file*|table as for stdin; "stdout": the same as stdout
--- @field cwd? string the working directory
--- @field env? table<string, string> all environment variables, instead of ours
--- @field setenv? table<string, string|false> changes to our variables, or to `env`; false
---   removes a variable
--- @field uid? integer the user's number; without gid, the child keeps our group
--- @field gid? integer the group's number
--- @field pgroup? boolean|integer true: a new process group, which then gets all signals; a
---   number: that group
--- @field nice? integer -20 to 19, setpriority(2)
--- @field rlimits? table<string, number|string|table> limits of getrlimit(2), such as {
---   nofile = 64, cpu = { 10, 20 } }: soft and hard; "unlimited"
--- @field timeout? timerlua.Duration how long the process may run; then it is ended, and
---   `status.timed_out` is true
--- @field kill_after? timerlua.Duration the time from TERM to KILL; default 5 s
--- @field detached? boolean run in a new session; the process may outlive the program
--- @field on_exit? function fun(process, status), called once when the process has ended;
---   may wait
--- @field name? string for reports and lists

--- Start a program, never a shell. If the program shares standard output or error, tl.exec
--- first waits until the output queued there is sent. The process belongs to the task,
--- scope or tl.timeout in which it was started: if that is cancelled or runs out, the
--- process gets TERM and, kill_after later, KILL. A process keeps the loop running.
--- @param argv string[] the program, searched in PATH unless its name has a slash, and its
---   arguments
--- @param opts? timerlua.ExecOptions
--- @return timerlua.Process? process
--- @return string? message such as "exec nosuch: no such file or directory"
--- @return string? code "ENOENT", "EACCES", "ENOEXEC", "E2BIG", "EMFILE", "EAGAIN" ...;
---   "EBUSY": bytes wait in a connection that is to be handed over
function exec.exec(argv, opts)
  opts = opts ~= nil and check.options("exec", opts, KNOWN) or NONE
  local caller = opts.on_exit == nil and misuse.caller() or nil
  local self, message, code = exec.start("exec", argv, opts, caller)
  if self then return self end -- no tail call: the caller's level is counted
  return nil, message, code
end

return exec
