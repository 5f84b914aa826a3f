-- The socket workloads on timerlua: sockets_timerlua.lua MODE PORT
-- MODE: http, close, echo with callbacks, and the same as tasks: task-http,
-- task-close, task-echo; until-http is a task that searches for the end of
-- the headers where task-http reads them line by line.

local tl = require "timerlua"

local hello = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
  .. "Content-Length: 5\r\n\r\nhello"
local find, sub = string.find, string.sub

local handlers = {}

local function callbacks_with(partial, data)
  return { data = data, close = function(conn) partial[conn] = nil end }
end

local function http()
  local partial = {} -- by connection: the beginning of a request
  return callbacks_with(partial, function(conn, bytes)
    local before = partial[conn]
    if before then bytes, partial[conn] = before .. bytes, nil end
    local from = 1
    while true do
      local _, stop = find(bytes, "\r\n\r\n", from, true)
      if not stop then break end
      conn:send(hello)
      from = stop + 1
    end
    if from <= #bytes then partial[conn] = sub(bytes, from) end
  end)
end

local function close()
  local partial = {}
  return callbacks_with(partial, function(conn, bytes)
    local before = partial[conn]
    if before then bytes = before .. bytes end
    if find(bytes, "\r\n\r\n", 1, true) then
      conn:send(hello)
      conn:close()
    else
      partial[conn] = bytes
    end
  end)
end

handlers.http = http()
handlers.close = close()
handlers.echo = { data = function(conn, bytes) conn:send(bytes) end }

-- True once an empty line has ended the headers, nil at the end.
local function receive_headers(conn)
  while true do
    local line = conn:receive("*l")
    if not line then return nil end
    if line == "" then return true end
  end
end

handlers["task-http"] = function(conn)
  while receive_headers(conn) do conn:send(hello) end
end

handlers["until-http"] = function(conn)
  while conn:receive_until("\r\n\r\n", true) do conn:send(hello) end
end

handlers["task-close"] = function(conn)
  if receive_headers(conn) then conn:send(hello) end
end

handlers["task-echo"] = function(conn)
  while true do
    local bytes = conn:receive_some()
    if not bytes then break end
    conn:send(bytes)
  end
end

-- S5 has as many connections as the server may have descriptors
assert(tl.listen("127.0.0.1:" .. arg[2], handlers[arg[1]], { max_connections = 1e6 }))
