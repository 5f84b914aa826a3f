-- timerlua: exact timers, tasks and watched descriptors in one loop.
local channel = require "timerlua.channel"
local clock = require "timerlua.clock"
local collect = require "timerlua.collect"
local connect = require "timerlua.connect"
local events = require "timerlua.events"
local exec = require "timerlua.exec"
local file_watch = require "timerlua.file_watch"
local inspect = require "timerlua.inspect"
local listener = require "timerlua.listener"
local notify = require "timerlua.notify"
local pipe = require "timerlua.pipe"
local reload = require "timerlua.reload"
local resolver = require "timerlua.resolver"
local scope = require "timerlua.scope"
local semaphore = require "timerlua.semaphore"
local signal = require "timerlua.signal"
local standard = require "timerlua.standard"
local stop = require "timerlua.stop"
local task = require "timerlua.task"
local timeout = require "timerlua.timeout"
local timer = require "timerlua.timer"
local udp = require "timerlua.udp"
local watch = require "timerlua.watch"

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
  timeout = timeout.timeout,
  scope = scope.scope,
  channel = channel.channel,
  semaphore = semaphore.semaphore,

  watch = watch.watch,
  on_file = file_watch.on_file,
  listen = listener.listen,
  connect = connect.connect,
  udp = udp.udp,
  pipe = pipe.pipe,
  socketpair = pipe.socketpair,

  exec = exec.exec,

  resolve = resolver.resolve,

  signal = signal.signal,
  notify = notify.notify,
  reload = reload.reload,

  on = events.on,
  stop = stop.stop,
  run = function(argv, opts)
    if argv ~= nil then return collect.run(argv, opts) end
    if task.current() then return task.wait_idle() end
    return stop.run()
  end,

  handles = inspect.handles,
  stats = inspect.stats,
}

-- tl.stdin, tl.stdout, tl.stderr
setmetatable(tl, { __index = standard.get })

return tl
