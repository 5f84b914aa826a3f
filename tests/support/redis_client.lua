-- A Redis client as one writes it for LuaSocket: it gets a connected socket, and uses
-- nothing but send, receive, settimeout and close.
local Client = {}
Client.__index = Client

local client = {}

function client.new(socket)
  return setmetatable({ socket = socket, pending = 0 }, Client)
end

local function encode(...)
  local parts = { "*" .. select("#", ...) }
  for i = 1, select("#", ...) do
    local word = tostring((select(i, ...)))
    parts[#parts + 1] = "$" .. #word
    parts[#parts + 1] = word
  end
  return table.concat(parts, "\r\n") .. "\r\n"
end

local read_reply

local readers = {}

readers["+"] = function(_, rest) return rest end
readers["-"] = function(_, rest) return nil, rest end
readers[":"] = function(_, rest) return tonumber(rest) end

readers["$"] = function(socket, rest)
  local length = tonumber(rest)
  if length < 0 then return false end
  local bytes, err = socket:receive(length + 2)
  if not bytes then return nil, err end
  return bytes:sub(1, -3)
end

readers["*"] = function(socket, rest)
  local list = {}
  for i = 1, tonumber(rest) do
    local value, err = read_reply(socket)
    if value == nil then return nil, err end
    list[i] = value
  end
  return list
end

function read_reply(socket)
  local line, err = socket:receive("*l")
  if not line then return nil, err end
  local reader = assert(readers[line:sub(1, 1)], "not a reply of Redis")
  return reader(socket, line:sub(2))
end

--- Send a command; read its reply by `reply`.
function Client:send(...)
  local request, sent = encode(...), 0
  while sent < #request do -- LuaSocket may take a part of it
    local last, err, partial = self.socket:send(request, sent + 1)
    if not last and err ~= "timeout" then return nil, err end
    sent = last or partial
  end
  return true
end

--- The next reply, or nil and "timeout", "closed" or the error that Redis sends.
function Client:reply(timeout)
  self.socket:settimeout(timeout)
  local value, err = read_reply(self.socket)
  self.socket:settimeout(nil)
  if value == nil then return nil, err end
  return value
end

function Client:call(...)
  local ok, err = self:send(...)
  if not ok then return nil, err end
  return self:reply()
end

function Client:close() return self.socket:close() end

return client
