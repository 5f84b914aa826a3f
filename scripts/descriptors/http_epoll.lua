#!/usr/bin/env timerlua
-- HTTP on epoll in four modes: level (reported while there are bytes), edge
-- (reported once, so all is taken), cork (TCP_CORK: held back until the answer is whole),
-- nodelay (headers and body leave as they are sent).
-- With tl, see scripts/http_hello.lua: a task for each connection, no state by hand.
-- Run: timerlua scripts/descriptors/http_epoll.lua [address] [mode]; Ctrl-C ends it.
--   curl 127.0.0.1:8080     or wrk -c 50 http://127.0.0.1:8080/
local http = dofile(arg[0]:match("^.*/") .. "shared/http.lua")
local select = require "timerlua.select"

local address, mode = ...
mode = mode or "level"
assert(({ level = true, edge = true, cork = true, nodelay = true })[mode],
  "the mode must be level, edge, cork or nodelay")
local edge = mode == "edge" and select.EPOLLET or 0
local masks = { r = select.EPOLLIN + edge, w = select.EPOLLOUT + edge }

local server = http.listen(address or "127.0.0.1:8080")
local ep, clients = assert(select.epoll()), {} -- by descriptor
assert(ep:register(server, select.EPOLLIN))

while true do
  for fd in ep:events() do
    local client = clients[fd]
    local conn = client and client.conn or http.accept(server, "quiet")
    if client then
      local wish = client:go_on()
      if wish and wish ~= client.wish then ep:modify(fd, masks[wish]) end
      if not wish then conn:close() end
      clients[fd], client.wish = wish and client, wish
    elseif conn then
      clients[conn:fileno()] = http.client(conn, mode)
      ep:register(conn, masks.r)
    end
  end
end
