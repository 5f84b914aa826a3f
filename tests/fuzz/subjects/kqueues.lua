-- kqueue.
local select = require "timerlua.select"
local tl = require "timerlua"
local actions = require "actions"
local chance = require "chance"
local pool = require "pool"
local values = require "values"

local add = actions.of "kqueues"
local maybe = values.maybe

local SIGWINCH = 28

local function descriptor()
  local object = pool.any(chance.of { "conn", "udp", "listener", "timerfd", "socket" })
  return object or 0
end

-- The identifiers that filters take.
local IDENTS = {
  [select.KQ_FILTER_READ] = descriptor,
  [select.KQ_FILTER_WRITE] = descriptor,
  [select.KQ_FILTER_VNODE] = descriptor,
  [select.KQ_FILTER_TIMER] = function() return chance.to(3) end,
  [select.KQ_FILTER_SIGNAL] = function() return SIGWINCH end,
  [select.KQ_FILTER_PROC] = function()
    local process = pool.any "process"
    return process and process.pid or 1
  end,
}
local FILTERS = chance.sorted_keys(IDENTS)

local FLAGS = { select.KQ_EV_ADD, select.KQ_EV_ADD, select.KQ_EV_ADD, select.KQ_EV_DELETE,
  select.KQ_EV_ADD + select.KQ_EV_ONESHOT, select.KQ_EV_ADD + select.KQ_EV_CLEAR,
  select.KQ_EV_DISABLE }

local function change()
  local filter = chance.of(FILTERS)
  return select.kevent { ident = maybe(IDENTS[filter]()), filter = maybe(filter),
    flags = maybe(chance.of(FLAGS)), data = maybe(chance.of { 0, 1, 2 }),
    udata = values.absurd() }
end

add(1, "kqueue", function() pool.keep("kqueue", (select.kqueue())) end)

add(3, "kqueue:control", function()
  local changes = {}
  for i = 1, chance.to(3) do changes[i] = maybe(change()) end
  tl.timeout(0.004, actions.call, "kqueue", "control", maybe(changes),
    maybe(chance.of { 0, 1, 8 }), values.limit(chance.of { 0, 0.001 }))
end)

actions.add_plain(add, "kqueue", "fileno close")
