-- Channels and semaphores.
local tl = require "timerlua"
local actions = require "actions"
local chance = require "chance"
local pool = require "pool"
local values = require "values"

local add = actions.of "channels"
local maybe, short = values.maybe, values.short

add(1, "channel", function()
  pool.keep("channel", tl.channel(maybe(chance.of { 0, 1, 3 })))
end)

add(3, "channel:send", function()
  tl.timeout(short(), actions.call, "channel", "send", maybe(1))
end)

add(3, "channel:receive", function() tl.timeout(short(), actions.call, "channel", "receive") end)

local function take_some(channel)
  for _ in channel:values() do
    if chance.percent(30) then break end
  end
end

add(1, "channel:values", function()
  local channel = pool.any "channel"
  if channel then tl.timeout(0.002, take_some, channel) end
end)

add(1, "channel of a generator", function()
  local channel = tl.channel()
  tl.spawn(function()
    for i = 1, chance.to(3) do channel:send(i) end
    channel:close()
  end)
  for _ in coroutine.wrap(function()
    for value in channel:values() do coroutine.yield(value) end
  end) do
    if chance.percent(30) then break end
  end
  channel:close()
end)

actions.add_plain(add, "channel", "queued close")

add(1, "semaphore", function()
  pool.keep("semaphore", tl.semaphore(maybe(chance.of { 1, 1, 2 })))
end)

add(2, "semaphore:use", function()
  tl.timeout(0.003, actions.call, "semaphore", "use", maybe(values.callback()))
end)

add(1, "semaphore:acquire", function()
  local semaphore = pool.any "semaphore"
  if semaphore and tl.timeout(0.003, semaphore.acquire, semaphore) then semaphore:release() end
end)

add(1, "semaphore:try_acquire", function()
  local semaphore = pool.any "semaphore"
  if semaphore and semaphore:try_acquire() then semaphore:release() end
end)

add(1, "semaphore:release", function() actions.call("semaphore", "release") end)
