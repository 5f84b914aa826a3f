-- timerlua.select: waiting for descriptors by hand, with the names and the
-- behavior of Python's select module. This file only puts the parts together.
local devpoll = require "timerlua.byhand.select_devpoll"
local entries = require "timerlua.core.entries"
local epoll = require "timerlua.byhand.select_epoll"
local headers = require "timerlua.core.headers"
local kevent = require "timerlua.byhand.select_kevent"
local kqueue = require "timerlua.byhand.select_kqueue"
local poll = require "timerlua.byhand.select_poll"
local lists = require "timerlua.byhand.select_select"

--- @class timerlua.select Waiting for descriptors by hand, with the names and the behavior of
---   Python's select module.
--- @since 0.1
local module = {
  -- The most bytes that a pipe which is ready for writing takes at once,
  -- without blocking; pipe(7).
  PIPE_BUF = headers.PIPE_BUF,

  select = lists.select,

  poll = poll.new,

  -- can be called, and has a function of its own
  epoll = setmetatable({ fromfd = epoll.fromfd }, {
    __call = function(_, sizehint, flags) return epoll.new(sizehint, flags) end,
  }),

  -- the same
  kqueue = setmetatable({ fromfd = kqueue.fromfd }, {
    __call = function() return kqueue.new() end,
  }),

  kevent = kevent.new,

  devpoll = devpoll.new,
}

for _, part in ipairs { poll, epoll, kevent } do
  for name, value in entries(part.constants) do module[name] = value end
end

return module
