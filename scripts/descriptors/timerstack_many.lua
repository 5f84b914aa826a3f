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
local SECONDS, OTHERS = 2.5, 16 -- descriptors for the program itself
local count = tonumber((...) or 100000)
assert(count and count >= 1 and count % 1 == 0, "COUNT must be a whole number >= 1")
local soft, hard = limits.nofile()
if soft < count + OTHERS then
  local raised, why = limits.nofile(count + OTHERS)
  if not raised then print(("%s; RLIMIT_NOFILE is %d"):format(why, assert(limits.nofile(hard)))) end
end

local epoll, actions, set, ticks = assert(select.epoll()), {}, 0, 0
local function add(initial, interval, action)
  local fd, message, code = timerstack.create(timerstack.CLOCK_REALTIME, timerfd.TFD_NONBLOCK)
  if code == "EMFILE" then return end -- those that are set are as many as there may be
  assert(timerstack.settime(assert(fd, message), 0, initial, interval))
  assert(epoll:register(fd, select.EPOLLIN))
  actions[fd], set = action, set + 1
end
local function tick(expirations) ticks = ticks + expirations end
add(1, 0, function() print("the one-shot has expired") end)
for i = 1, count - 1 do add(0.5 + i * 25e-6, 0.5 + i * 25e-6, tick) end
print(("%d timers are set"):format(set))
local deadline = tl.now() + SECONDS
while tl.now() < deadline do
  for _, ready in ipairs(assert(epoll:poll(SECONDS))) do
    actions[ready[1]](timerfd.read(ready[1]))
  end
end
print(("%d expirations in %.1f s"):format(ticks, SECONDS))
