-- Descriptors by hand: select, poll, epoll, /dev/poll, timerfd.
local select = require "timerlua.select"
local timerfd = require "timerlua.timerfd"
local timerstack = require "timerlua.timerstack"
local tl = require "timerlua"
local actions = require "actions"
local chance = require "chance"
local pool = require "pool"
local values = require "values"

local add = actions.of "descriptors"
local maybe, limit = values.maybe, values.limit

local KINDS = { "conn", "udp", "listener", "timerfd", "socket", "kqueue" }

local function descriptor()
  local object = pool.any(chance.of(KINDS))
  if not object or chance.percent(50) then return object or 0 end
  local ok, fd = pcall(object.fileno, object)
  return ok and fd or 0
end

local function list()
  local some = {}
  for i = 1, chance.to(3) do some[i] = maybe(descriptor()) end
  return some
end

add(1, "select", function()
  select.select(maybe(list()), maybe(list()), maybe {}, limit(chance.of { 0, 0.001, 0.002 }))
end)

add(1, "poll", function()
  local poll = select.poll()
  for _ = 1, chance.to(3) do poll:register(maybe(descriptor()), maybe(chance.of { 1, 4, 5 })) end
  poll:modify(maybe(descriptor()), maybe(1))
  poll:poll(limit(chance.of { 0, 1, 2 }))
end)

add(1, "epoll", function() pool.keep("epoll", (select.epoll())) end)
add(1, "devpoll", function() pool.keep("devpoll", (select.devpoll())) end)

for _, kind in ipairs { "epoll", "devpoll" } do
  add(2, kind .. ":register", function()
    actions.call(kind, chance.of { "register", "modify", "unregister" }, maybe(descriptor()),
      maybe(chance.of { 1, 4, 5 }))
  end)
  actions.add_plain(add, kind, "fileno close")
end

add(2, "epoll:poll", function()
  tl.timeout(0.003, actions.call, "epoll", "poll", limit(chance.of { 0, 0.001, 0.002 }),
    chance.percent(30) and maybe(1) or nil)
end)

add(1, "devpoll:poll", function()
  tl.timeout(0.003, actions.call, "devpoll", "poll", limit(chance.of { 0, 1, 2 }))
end)

local function act_on_events(epoll)
  for _ in epoll:events(limit(chance.of { 0, 0.001 })) do
    if chance.percent(30) then break end
    values.callback()()
  end
end

add(1, "epoll:events", function()
  local epoll = pool.any "epoll"
  if epoll then tl.timeout(0.003, act_on_events, epoll) end
end)

-- ---------------------------------------------------------------------------
-- timer descriptors

add(1, "timerfd", function()
  pool.keep("timerfd", (timerfd.create(maybe(timerfd.CLOCK_MONOTONIC),
    maybe(chance.of { 0, timerfd.TFD_NONBLOCK }))))
end)

add(2, "timerfd:settime", function()
  actions.call("timerfd", "settime", maybe { initial = maybe(0.001), interval = maybe(0.001) })
end)

add(1, "timerfd:settime_ns", function()
  actions.call("timerfd", "settime_ns", maybe(0), maybe(1000000LL), maybe(1000))
end)

add(1, "timerfd:read", function()
  local fd = pool.any "timerfd"
  if fd and not fd.closed and fd:settime(0, 0.001, 0) then tl.timeout(0.005, fd.read, fd) end
end)

actions.add_plain(add, "timerfd", "gettime gettime_ns fileno")

-- Called on the object only: any descriptor may be closed so, the run's own output, too.
add(1, "timerfd:close", function()
  local fd = pool.any "timerfd"
  if fd then fd:close() end
end)

add(1, "timerstack", function()
  local fd = timerstack.create(timerfd.CLOCK_MONOTONIC)
  if not fd then return end
  local ok, err = pcall(timerstack.settime, fd, maybe(0), maybe(1), maybe(0))
  timerfd.close(fd)
  if not ok then error(err, 0) end
end)
