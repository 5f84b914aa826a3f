#!/usr/bin/env timerlua
-- Timer descriptors by the names of the Python module timerstack: 100,000, or as
-- many as given, each with its own period and function, and one that expires
-- once; one epoll set waits for them for 2.5 s. Where the limit on descriptors
-- cannot be raised, the script says so and opens as many as it may.
-- With tl none is needed, see scripts/many_timers.lua: tl.every(period, fn, ...)
-- Run: timerlua scripts/descriptors/timerstack_many.lua [COUNT]; ends by itself.
local tl, limits = require "timerlua", require "timerlua.limits"
local timerstack, timerfd = require "timerlua.timerstack", require "timerlua.timerfd"
local select = require "timerlua.select"
local COUNT, SECONDS, OTHERS = tonumber((...)) or 100000, 2.5, 16

local soft, hard = limits.nofile()
if soft < COUNT + OTHERS then
  local raised, why = limits.nofile(COUNT + OTHERS)
  if not raised then print(why, ("the hard limit is %d"):format(hard)) limits.nofile(hard) end
end

local epoll, actions, ticks = assert(select.epoll()), {}, 0
local function add(initial, interval, action)
  local fd, why = timerstack.create(timerstack.CLOCK_REALTIME, timerfd.TFD_NONBLOCK)
  if not fd then return why end
  assert(timerstack.settime(fd, 0, initial, interval))
  assert(epoll:register(fd, select.EPOLLIN))
  actions[fd] = action
end
local stopped = add(1, 0, function() print("the one-shot has expired") end)
local set = 0
while set < COUNT and not stopped do
  local period = 0.5 + set * 25e-6 -- up to 3 s
  stopped = add(period, period, function(count) ticks = ticks + count end)
  if not stopped then set = set + 1 end
end
print(("%d periodic timers are set"):format(set), stopped or "")
local deadline = tl.now() + SECONDS
while tl.now() < deadline do
  for _, ready in ipairs(epoll:poll(deadline - tl.now())) do
    actions[ready[1]](timerfd.read(ready[1]))
  end
end
print(("%d expirations in %.1f s"):format(ticks, SECONDS))
