#!/usr/bin/env timerlua
-- HTTP on blocking sockets, one connection after the other, in one of two modes:
-- close (one request each), keep-alive (as many as the client likes; meanwhile all
-- others wait). The servers on epoll, http_epoll.lua, serve all at once.
-- With tl, see scripts/http_hello.lua: the same straight lines, in a task for each.
-- Run: timerlua scripts/descriptors/http_blocking.lua [address] [mode]; Ctrl-C ends it.
--   curl 127.0.0.1:8080     or ab -k -n 1000 http://127.0.0.1:8080/
local http = dofile(arg[0]:match("^.*/") .. "shared/http.lua")
local address, mode = ...
assert(mode == nil or mode == "close" or mode == "keep-alive",
  "the mode must be close or keep-alive")

local function serve(conn)
  local text = ""
  while true do
    local headers, body, rest, stays = http.answer(text, mode == "keep-alive")
    if headers then
      local ok, message = conn:sendall(headers .. body)
      if not ok then return message end
      if not stays then return end
      text = rest
    else
      local bytes, message = conn:recv(1024)
      if not bytes or bytes == "" then return message end
      text = text .. bytes
    end
  end
end

local server = http.listen(address or "127.0.0.1:8080")
server:setblocking(true)
while true do
  local conn, peer = http.accept(server, "quiet")
  if conn then
    conn:settimeout(5) -- for each wait: who says nothing holds up the others
    print("end of " .. peer, serve(conn))
    conn:close()
  end
end
