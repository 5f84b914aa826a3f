-- Shared by the echo servers and clients of this folder: a connection whose
-- bytes go back to where they came from, in non-blocking mode; how to wait for
-- it is the servers' own matter.
local tl = require "timerlua"
local shared = dofile(arg[0]:match("^.*/") .. "shared/server.lua")
local socket = require "timerlua.socket"

local MOST = 65536 -- bytes queued; then none are received

local Client = {}
Client.__index = Client

function Client:fileno() return self.conn:fileno() end

function Client:wants_to_receive() return not self.ended and #self.queue < MOST end

function Client:wants_to_send() return self.queue ~= "" end

local function finish(self, why)
  print("end of " .. self.peer, why)
  self.conn:close()
  self.closed = true
end

-- After something was tried: whether it is over.
local function settle(self, done, message, code)
  if not done and code ~= "EAGAIN" then
    finish(self, message)
  elseif self.ended and self.queue == "" then
    finish(self)
  end
end

--- Receive what is there. The peer's end is kept until all is sent.
function Client:receive()
  if self.closed then return end
  local bytes, message, code = self.conn:recv(4096)
  if bytes == "" then self.ended = true end
  self.queue = self.queue .. (bytes or "")
  settle(self, bytes, message, code)
end

--- Send what the kernel takes; the rest stays.
function Client:send()
  if self.closed then return end
  local sent, message, code = self.conn:send(self.queue)
  self.queue = self.queue:sub((sent or 0) + 1)
  settle(self, sent, message, code)
end

local echo = { listen = shared.listen }

--- The next client, nil when there is none.
function echo.accept(listener)
  local conn, peer = shared.accept(listener)
  return conn and setmetatable({ conn = conn, peer = peer, queue = "" }, Client)
end

local function serve(conn)
  repeat
    local bytes = conn:recv(4096)
  until not bytes or bytes == "" or not conn:sendall(bytes)
  conn:close()
end

--- For clients without a server: one of their own, in tasks and blocking mode.
--- Returns its address, and a function to end it.
function echo.of_our_own()
  local server = assert(socket.socket())
  assert(server:bind("127.0.0.1:0"))
  assert(server:listen())
  tl.spawn(function()
    for conn in server.accept, server do tl.spawn(serve, conn) end
  end)
  return server:getsockname(), function() server:close() end
end

return echo
