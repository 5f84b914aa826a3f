-- The socket workloads on luv under luajit, one write for each answer:
--   sockets_luv.lua http|close|echo PORT

local uv = require "luv"

local hello = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
  .. "Content-Length: 5\r\n\r\nhello"

-- Answers every whole request in the bytes; returns what is left of them.
local function answer_all(client, bytes)
  local from = 1
  while true do
    local _, stop = bytes:find("\r\n\r\n", from, true)
    if not stop then break end
    client:write(hello)
    from = stop + 1
  end
  return from <= #bytes and bytes:sub(from) or nil
end

local serve = {}

function serve.http(client)
  local partial
  return function(bytes)
    partial = answer_all(client, partial and partial .. bytes or bytes)
  end
end

function serve.close(client)
  local partial = ""
  return function(bytes)
    partial = partial .. bytes
    if partial:find("\r\n\r\n", 1, true) then
      client:read_stop()
      client:write(hello, function() client:close() end)
    end
  end
end

function serve.echo(client)
  return function(bytes) client:write(bytes) end
end

local listener = uv.new_tcp()
assert(listener:bind("127.0.0.1", tonumber(arg[2])))
assert(listener:listen(1024, function(failure)
  assert(not failure, failure)
  local client = uv.new_tcp()
  listener:accept(client)
  client:nodelay(true)
  local on_bytes = serve[arg[1]](client)
  client:read_start(function(_, bytes)
    if bytes then on_bytes(bytes)
    elseif not client:is_closing() then client:close() end
  end)
end))
uv.run()
