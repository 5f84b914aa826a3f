-- timerlua: exact timers, tasks and watched descriptors in one loop.
local channel = require "timerlua.task.channel"
local clock = require "timerlua.loop.clock"
local events = require "timerlua.core.events"
local notify = require "timerlua.system.notify"
local reload = require "timerlua.system.reload"
local scope = require "timerlua.task.scope"
local semaphore = require "timerlua.task.semaphore"
local signal = require "timerlua.system.signal"
local standard = require "timerlua.system.standard"
local stop = require "timerlua.app.stop"
local task = require "timerlua.task.task"
local timeout = require "timerlua.task.timeout"
local timer = require "timerlua.loop.timer"
local watch = require "timerlua.loop.watch"

local PREFIX, require = "timerlua.", require

-- Load one of our modules, which require others: scripts may have put another
-- function in the place of require by then.
local function load_later(name)
  local theirs = rawget(_G, "require")
  rawset(_G, "require", require)
  local ok, module = pcall(require, PREFIX .. name)
  rawset(_G, "require", theirs)
  if not ok then error(module, 0) end
  return module
end

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
  signal = signal.signal,
  notify = notify.notify,
  reload = reload.reload,

  on = events.on,
  stop = stop.stop,
  run = function(argv, opts)
    if argv ~= nil then return load_later("system.collect").run(argv, opts) end
    if task.current() then return task.wait_idle() end
    return stop.run()
  end,

}

-- What not every script needs, and the module that has it: loaded when it is asked
-- for, which makes a start a fifth shorter.
local LATER = {
  on_file = "system.file_watch", listen = "net.listener", connect = "net.connect",
  udp = "net.udp.making", pipe = "system.pipe", socketpair = "system.pipe", exec = "system.exec",
  resolve = "net.resolver", handles = "app.inspect", stats = "app.inspect",
}

local function get(self, name)
  local module = LATER[name]
  if not module then return standard.get(self, name) end -- tl.stdin and its kin
  local value = load_later(module)[name]
  rawset(self, name, value)
  return value
end

local function load_all()
  for name in pairs(LATER) do get(tl, name) end
  load_later "system.collect"
end

setmetatable(tl, { __index = get, load_all = load_all })

-- Only a module that is inside the program or library is there later, too.
if not package.preload["timerlua.net.udp.making"] then load_all() end

return tl
