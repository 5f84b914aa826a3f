-- What the HTTP servers of this folder share: whole requests out of pieces, the
-- answer, and a connection in non-blocking mode; how to wait for it is the
-- servers' own matter. A request with a body is answered, and none after it.
local http = dofile(arg[0]:match("^.*/") .. "shared/server.lua")
local socket = require "timerlua.socket"

local MOST = 16384 -- bytes of a request
local page = "Hello, world!\n"

local function response(status, stays)
  return ("HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
    .. "Connection: %s\r\n\r\n"):format(status, #page, stays and "keep-alive" or "close"), page
end

local function keeps_alive(request)
  if request:find("\ncontent%-length:") or request:find("\ntransfer%-encoding:") then
    return false
  end
  local wish = request:match("\nconnection: *([%a-]+)")
  return wish == "keep-alive" or (wish ~= "close" and request:find("http/1.1", 1, true) ~= nil)
end

--- The answer to the first request in a text: headers and body, what follows it
--- in the text, and whether the connection stays. nil while it is not whole.
function http.answer(text, may_stay)
  local last, next_one = text:find("\r?\n\r?\n")
  if not last then
    if #text <= MOST then return nil end
    local headers, body = response("431 Request Header Fields Too Large", false)
    return headers, body, "", false
  end
  local stays = may_stay and keeps_alive(text:sub(1, last):lower())
  local headers, body = response("200 OK", stays)
  return headers, body, text:sub(next_one + 1), stays
end

local Client = {}
Client.__index = Client

local function set(conn, option, value)
  conn:setsockopt(socket.IPPROTO_TCP, option, value)
end

--- A connection in one of the modes level, edge, cork and nodelay. In the last
--- two, headers and body are sent each by itself. With neither option that would
--- be slow: the second waits for the first to be acknowledged, which the client
--- puts off, RFC 896 and RFC 1122 4.2.3.2.
function http.client(conn, mode)
  if mode == "nodelay" then set(conn, socket.TCP_NODELAY, 1) end
  return setmetatable({ conn = conn, mode = mode, text = "", out = "", wish = "r" }, Client)
end

-- What is not taken now, stays; an error is seen when it is sent again.
local function put(self, bytes)
  local sent = self.out == "" and self.conn:send(bytes) or 0
  self.out = self.out .. bytes:sub(sent + 1)
end

local function answer_all(self)
  local apart, answers = self.mode == "cork" or self.mode == "nodelay", {}
  while not self.last do
    local headers, body, rest, stays = http.answer(self.text, true)
    if not headers then break end
    for _, bytes in ipairs { headers, body } do
      if apart then put(self, bytes) else answers[#answers + 1] = bytes end
    end
    self.text, self.last = rest, not stays
  end
  if #answers > 0 then put(self, table.concat(answers)) end
end

local function flush(self)
  local sent, _, code = self.conn:send(self.out)
  self.out = self.out:sub((sent or 0) + 1)
  return sent or code == "EAGAIN"
end

-- Once, or, in edge mode, until it would block.
local function receive(self)
  local corks = self.mode == "cork"
  repeat
    local bytes, _, code = self.conn:recv(4096)
    if code == "EAGAIN" then return true end
    if not bytes or bytes == "" then return false end
    self.text = self.text .. bytes
    if corks then set(self.conn, socket.TCP_CORK, 1) end
    answer_all(self)
    if corks then set(self.conn, socket.TCP_CORK, 0) end
  until self.mode ~= "edge" or self.last or self.out ~= ""
  return true
end

--- Do what can be done; while an answer waits to be sent, no request is read.
--- Returns "r" or "w", what to wait for, or nil at the end.
function Client:go_on()
  local fine = self.out == "" or flush(self)
  if fine and self.out == "" and not self.last then fine = receive(self) end
  if not fine or (self.last and self.out == "") then return nil end
  return self.out == "" and "r" or "w"
end

return http
