-- Shared by the servers of this folder: a listening socket, and lines out of
-- pieces.
local tl, socket = require "timerlua", require "timerlua.socket"

local server = {}
local LONGEST = 4096 -- bytes of a line

--- A listening socket in non-blocking mode; says where it listens.
function server.listen(address)
  io.stdout:setvbuf("line")
  local s = assert(socket.socket())
  assert(s:setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1))
  assert(s:bind(address))
  assert(s:listen())
  s:setblocking(false)
  print("listening on " .. s:getsockname())
  return s
end

--- Take a connection and put it in non-blocking mode; nil if there is none, any
--- more: level-triggered readiness is told again.
function server.accept(listener, quiet)
  local conn, peer, code = listener:accept()
  if conn then
    conn:setblocking(false)
    if not quiet then print("connection from " .. peer) end
  elseif code ~= "EAGAIN" then
    print(peer)
    tl.sleep(0.1) -- without descriptors to spare it would be told at once again
  end
  return conn, peer
end

--- A function that receives what there is and calls `fn` for each whole line;
--- it returns false, and maybe why, at the end of the connection.
function server.line_reader(conn, fn)
  local text = ""
  return function()
    local bytes, message, code = conn:recv(1024)
    if code == "EAGAIN" then return true end
    if not bytes or bytes == "" then return false, message end
    text = (text .. bytes):gsub("(.-)\r?\n", function(line)
      fn(line)
      return ""
    end)
    if #text > LONGEST then return false, "the line is too long" end
    return true
  end
end

return server
