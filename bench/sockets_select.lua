-- HTTP by hand on timerlua.select, in the design of sockets_epoll.c:
--   sockets_select.lua http|batch|close PORT
-- sockets_python.py is the same program for CPython.

local select = require "timerlua.select"
local socket = require "timerlua.socket"

local hello = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
  .. "Content-Length: 5\r\n\r\nhello"
local end_of_headers = "\r\n\r\n"
local find, sub, band = string.find, string.sub, bit.band
local EPOLLIN, EPOLLOUT = select.EPOLLIN, select.EPOLLOUT
local buffer_size = 65536

local mode, port = arg[1], tonumber(arg[2])
local epoll = assert(select.epoll())
local connections = {} -- by descriptor
local requests, answers = {}, {} -- what of them has to wait

local function close(fd)
  connections[fd]:close()
  connections[fd], requests[fd], answers[fd] = nil, nil, nil
end

-- While bytes wait to be sent, none are read.
local function send(fd, conn, bytes)
  local sent, _, code = conn:send(bytes)
  if sent == #bytes then
    if answers[fd] then
      answers[fd] = nil
      epoll:modify(fd, EPOLLIN)
    end
  elseif sent or code == "EAGAIN" then
    if not answers[fd] then epoll:modify(fd, EPOLLOUT) end
    answers[fd] = sub(bytes, (sent or 0) + 1)
  else
    close(fd)
    return false
  end
  return true
end

-- Behind the last request that is whole, and how many there are.
local function serve_each(fd, conn, bytes)
  local from = 1
  while true do
    local _, stop = find(bytes, end_of_headers, from, true)
    if not stop then return from end
    if answers[fd] then
      answers[fd] = answers[fd] .. hello
    elseif not send(fd, conn, hello) then
      return nil
    end
    from = stop + 1
  end
end

-- Kept: string.rep copies byte by byte.
local batches = setmetatable({}, { __index = function(made, count)
  made[count] = hello:rep(count)
  return made[count]
end })

local function serve_batch(fd, conn, bytes)
  local from, count = 1, 0
  while true do
    local _, stop = find(bytes, end_of_headers, from, true)
    if not stop then break end
    from, count = stop + 1, count + 1
  end
  if count > 0 and not send(fd, conn, batches[count]) then return nil end
  return from
end

local function serve_one(fd, conn, bytes)
  if not find(bytes, end_of_headers, 1, true) then return 1 end
  if send(fd, conn, hello) and not answers[fd] then close(fd) end
  return nil
end

local serve = assert(({ http = serve_each, batch = serve_batch, close = serve_one })[mode])

local function on_readable(fd, conn)
  local bytes, _, code = conn:recv(buffer_size)
  if not bytes or bytes == "" then
    if code ~= "EAGAIN" then close(fd) end
    return
  end
  local before = requests[fd]
  if before then bytes = before .. bytes end
  local from = serve(fd, conn, bytes)
  if not from then return end
  if from <= #bytes then
    requests[fd] = sub(bytes, from)
  elseif before then
    requests[fd] = nil
  end
end

local function on_writable(fd, conn)
  if send(fd, conn, answers[fd]) and mode == "close" and not answers[fd] then close(fd) end
end

local function accept_all(listener)
  while true do
    local conn = listener:accept()
    if not conn then return end
    conn:setblocking(false)
    conn:setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    local fd = conn:fileno()
    connections[fd] = conn
    epoll:register(fd, EPOLLIN)
  end
end

local listener = assert(socket.socket())
listener:setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
assert(listener:bind("127.0.0.1", port))
assert(listener:listen(1024))
listener:setblocking(false)
epoll:register(listener, EPOLLIN)
local listening = listener:fileno()

while true do
  for fd, event in epoll:events() do
    local conn = connections[fd]
    if fd == listening then
      accept_all(listener)
    elseif band(event, EPOLLOUT) ~= 0 then
      on_writable(fd, conn)
    else
      on_readable(fd, conn)
    end
  end
end
