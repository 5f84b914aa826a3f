#!/usr/bin/env timerlua
-- An HTTP server that says hello, in one of four modes: level (epoll reports
-- as long as there are bytes), edge (epoll reports once), cork (TCP_CORK: the kernel
-- holds bytes back until all are sent), nodelay (it does not; the default).
-- Run: timerlua scripts/http_hello.lua [address] [mode]; Ctrl-C ends it. Then
--   curl 127.0.0.1:8080     or wrk -c 50 http://127.0.0.1:8080/
local tl = require "timerlua"
io.stdout:setvbuf("line")

local address, mode = ...
local modes = {
  level = { nodelay = false },
  edge = { nodelay = false, edge = true },
  cork = { nodelay = false },
  nodelay = { nodelay = true },
}
local options = assert(modes[mode or "level"], "the mode must be level, edge, cork or nodelay")
options.timeout = 60 -- for each wait; an idle client is left after it

local body = "Hello, world!"
local headers = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n"

local function serve(conn)
  local request
  repeat
    request = conn:receive_until("\r?\n\r?\n")
    if not request then return end
    local wish = request:lower():match("\nconnection: *([%a-]+)")
    local stays = wish == "keep-alive" or wish ~= "close" and request:find("HTTP/1.1", 1, true)
    if mode == "cork" then conn:cork() end
    conn:send(headers .. (stays and "Connection: keep-alive\r\n\r\n" or "\r\n"))
    conn:send(body)
    if mode == "cork" then conn:uncork() end
  until not stays
end

local server = assert(tl.listen(address or "127.0.0.1:8080", serve, options))
print("listening on " .. server:sock())
