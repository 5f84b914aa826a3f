-- timerlua.select: waiting for descriptors by hand, with the names and the
-- behaviour of Python's select module. This file only puts the parts together.
local devpoll = require "timerlua.select_devpoll"
local epoll = require "timerlua.select_epoll"
local kevent = require "timerlua.select_kevent"
local kqueue = require "timerlua.select_kqueue"

local select = {
  --- The fewest bytes that a pipe which is ready for writing takes without
  --- blocking, and at once; pipe(7).
  PIPE_BUF = 4096,

  --- select.epoll(sizehint, flags) and select.epoll.fromfd(fd).
  epoll = setmetatable({ fromfd = epoll.fromfd }, {
    __call = function(_, ...) return epoll.new(...) end,
  }),

  --- select.kqueue() and select.kqueue.fromfd(fd).
  kqueue = setmetatable({ fromfd = kqueue.fromfd }, {
    __call = function() return kqueue.new() end,
  }),

  kevent = kevent.new,

  devpoll = devpoll.new,
}

for _, part in ipairs { epoll, kevent, devpoll } do
  for name, value in pairs(part.constants) do select[name] = value end
end

return select
