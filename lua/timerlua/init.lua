-- timerlua: exact timers, tasks and watched descriptors in one loop.
require "timerlua.core.collector"
local clock = require "timerlua.loop.clock"
local entries = require "timerlua.core.entries"
local events = require "timerlua.core.events"
local interruption = require "timerlua.task.interruption"
local later = require "timerlua.core.later"
local misuse = require "timerlua.core.misuse"
local suggest = require "timerlua.core.suggest"
local standard = require "timerlua.system.standard"
local stop = require "timerlua.app.stop"
local task = require "timerlua.task.task"
local timer = require "timerlua.loop.timer"

--- @class timerlua
--- @since 0.1
--- @field _VERSION string the version, such as "0.1.0"
--- @field stdin timerlua.Connection standard input, made when the field is first read;
---   waiting for it does not block the loop. Its methods return "EBADF" if the descriptor
---   is closed. Raises when memory or descriptors run out
--- @field stdout timerlua.Connection standard output, as `tl.stdin`; output still queued
---   when the script ends is sent before the process ends
--- @field stderr timerlua.Connection standard error, as `tl.stdout`
local tl = {
  _VERSION = require "timerlua.version",

  now = clock.now,
  time = clock.time,
  clock = clock,
  slack = clock.slack,

  after = timer.after,
  every = timer.every,
  at = timer.at,
  timer = timer.timer,

  spawn = task.spawn,
  sleep = task.sleep,
  defer = task.defer,
  current = task.current,
  is_cancelled = interruption.is_cancelled,
  is_timeout = interruption.is_timeout,

  on = events.on,
  stop = stop.stop,
  --- Start a program, give it `input`, and wait until it has ended. If the caller is
  --- cancelled or runs out of time, the program is ended. Without arguments, run the loop
  --- to its end, as the main chunk of a plain luajit has to; in a task, wait until nothing
  --- else is left to wait for.
  --- @param argv? string[] as for tl.exec
  --- @param opts? timerlua.RunOptions
  --- @return timerlua.Result|integer|nil result how the program ended, and its output;
  ---   without arguments the exit status of the run, 0 to 255, or nothing in a task
  --- @return string|integer|nil message why there is no result; or the signal that ended
  ---   the run
  --- @return string? code as for tl.exec; "EMSGSIZE" beyond the limit; the code of a pipe
  ---   that failed
  --- @return timerlua.Result? partial the output so far, after "EMSGSIZE" or the failure of
  ---   a pipe
  run = function(argv, opts)
    if argv ~= nil then return later.load("timerlua.system.collect").run(argv, opts) end
    if task.current() then return task.wait_idle() end
    return stop.run()
  end,

}

-- Functions that not every script needs, and their modules: loaded on first use, which
-- makes a start shorter.
local LATER = {
  channel = "task.channel", connect = "net.connect", debounce = "loop.paced",
  exec = "system.exec", handles = "app.inspect", listen = "net.listener", notify = "system.notify",
  on_file = "system.file_watch", pipe = "system.pipe", reload = "system.reload",
  resolve = "net.resolve", schedule = "calendar.schedule", scope = "task.scope",
  semaphore = "task.semaphore", shield = "task.shield", signal = "system.signal",
  socketpair = "system.pipe", stats = "app.inspect", throttle = "loop.paced",
  timeout = "task.timeout", udp = "net.udp.making", watch = "loop.watch",
  zone = "calendar.zone",
}

-- The names of other libraries for our functions.
local SYNONYMS = { setTimeout = "after", set_timeout = "after", setInterval = "every",
  set_interval = "every", go = "spawn", async = "spawn", thread = "spawn",
  wait = "sleep", delay = "sleep", time_now = "now", exit = "stop", quit = "stop",
  popen = "exec", system = "exec", server = "listen", bind = "listen", lookup = "resolve" }

-- Other names stay nil, so that a script can ask whether a function exists.
local function unknown(name)
  local names = { "stdin", "stdout", "stderr" }
  for _, list in ipairs { tl, LATER } do
    for each in entries(list) do names[#names + 1] = each end
  end
  table.sort(names)
  local hint = suggest.hint(name, names, SYNONYMS)
  if hint ~= "" then misuse.raise(tostring(name), "no such function" .. hint) end
end

local function get(self, name)
  local module = LATER[name]
  if not module then return standard.get(self, name) or unknown(name) end
  local value = later.load("timerlua." .. module)[name]
  rawset(self, name, value)
  return value
end

local function load_all()
  for name in entries(LATER) do get(tl, name) end
  later.load "timerlua.system.collect"
end

setmetatable(tl, { __index = get, load_all = load_all })

-- Only a module inside the program or library is still there later, too.
if not package.preload["timerlua.net.udp.making"] then load_all() end

return tl
