-- timerlua: exact timers, tasks and watched descriptors in one loop.
local channel = require "timerlua.channel"
local clock = require "timerlua.clock"
local events = require "timerlua.events"
local notify = require "timerlua.notify"
local reload = require "timerlua.reload"
local scope = require "timerlua.scope"
local semaphore = require "timerlua.semaphore"
local signal = require "timerlua.signal"
local standard = require "timerlua.standard"
local stop = require "timerlua.stop"
local task = require "timerlua.task"
local timeout = require "timerlua.timeout"
local timer = require "timerlua.timer"
local watch = require "timerlua.watch"

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
    if argv ~= nil then return load_later("collect").run(argv, opts) end
    if task.current() then return task.wait_idle() end
    return stop.run()
  end,

}

-- What not every script needs, and the module that has it: loaded when it is asked
-- for, which makes a start a fifth shorter.
local LATER = {
  on_file = "file_watch", listen = "listener", connect = "connect", udp = "udp",
  pipe = "pipe", socketpair = "pipe", exec = "exec", resolve = "resolver",
  handles = "inspect", stats = "inspect",
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
  load_later "collect"
end

setmetatable(tl, { __index = get, load_all = load_all })

-- Only a module that is inside the program or library is there later, too.
if not package.preload["timerlua.udp"] then load_all() end

return tl
