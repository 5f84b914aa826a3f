-- Events of the runtime, signals, the service manager.
local ffi = require "ffi"
local tl = require "timerlua"
local actions = require "actions"
local chance = require "chance"
local pool = require "pool"
local values = require "values"

ffi.cdef "int kill(int pid, int signal); int getpid(void);"

local add = actions.of "events"
local maybe = values.maybe

local SIGURG, SIGWINCH = 23, 28 -- without effect unless somebody listens

add(1, "on", function()
  pool.keep("subscription", tl.on(maybe(chance.of { "clock_jump", "reload" }),
    maybe(values.callback())))
end)

-- These would change the run: a random handler would take its reports.
add(1, "on for a moment", function()
  tl.on(chance.of { "stop", "error", "post" }, function() end):cancel()
end)

actions.add_plain(add, "subscription", "cancel")

add(1, "reload", function() tl.timeout(0.005, tl.reload, maybe "why") end)

add(1, "notify", function()
  tl.notify(maybe(chance.of { "ready", { ready = true, status = maybe "x" },
    { watchdog = maybe(false) }, { errno = maybe(3) }, { extend_timeout = maybe(1) } }))
end)

add(1, "signal", function()
  pool.keep("signal", tl.signal(maybe(chance.of { "USR1", "USR2", "WINCH", "RTMIN+1",
    { "USR1", "URG" } }), maybe(values.callback()), values.absurd()))
end)

actions.add_plain(add, "signal", "cancel ref unref")

add(2, "send a signal", function()
  ffi.C.kill(ffi.C.getpid(), chance.of { SIGURG, SIGWINCH })
end)
