-- Child processes; a few at a time.
local tl = require "timerlua"
local actions = require "actions"
local chance = require "chance"
local pool = require "pool"
local values = require "values"

local MOST = 8

local add = actions.of "processes"
local maybe = values.maybe

local running = 0

local COMMANDS = { { "true" }, { "sleep", "0.01" }, { "cat" }, { "sh", "-c", "exit 3" },
  { "nosuchprogram" }, { "sh", "-c", "echo a; sleep 0.005; echo b" } }

local function see_to_the_end(process)
  running = running + 1
  tl.spawn(function()
    tl.defer(function() running = running - 1 end)
    if tl.timeout(0.5, process.wait, process) then return end
    process:kill "KILL"
    process:wait()
  end)
end

add(2, "exec", function()
  if running >= MOST then return end
  local options = values.options { stdin = "pipe", stdout = "pipe", stderr = "stdout",
    timeout = 0.02, kill_after = 0.01, on_exit = values.callback(), pgroup = true, cwd = "/",
    setenv = { A = "b", C = false }, nice = 1, name = "child", rlimits = { nofile = 64 } }
  options = options == nil and {} or options
  if type(options) == "table" then -- the run's own streams are not for them
    rawset(options, "stdin", rawget(options, "stdin") or "null")
    rawset(options, "stdout", rawget(options, "stdout") or "null")
    rawset(options, "stderr", rawget(options, "stderr") or "null")
  end
  local process = tl.exec(maybe(chance.of(COMMANDS)), options)
  if not process then return end
  pool.keep("process", process)
  pool.keep("conn", process.stdin)
  pool.keep("conn", process.stdout)
  see_to_the_end(process)
end)

add(1, "run", function()
  if running >= MOST then return end
  tl.timeout(0.1, tl.run, chance.of { { "echo", "hi" }, { "cat" },
    { "sh", "-c", "sleep 0.02; echo x" }, { maybe "true", maybe "x" } },
    { input = maybe "text", limit = maybe(100), timeout = 0.05 })
end)

add(1, "process:wait", function() actions.call("process", "wait", values.limit(0.005)) end)

add(1, "process:kill", function()
  actions.call("process", "kill", maybe(chance.of { "TERM", "KILL", "CONT", 0 }))
end)

add(1, "process:stop", function() actions.call("process", "stop", maybe(0.01)) end)

actions.add_plain(add, "process", "ref unref")

add(1, "popen", function()
  local file = io.popen "true"
  if file then file:close() end
end)
