-- A server and a client in one program, for sockets_spec.lua, which makes calls fail
-- under them:
-- timerlua faults_scenario.lua task|callback|big|questions level|edge ADDRESS
-- Every call is checked; in the end the script prints the reported failures, whether
-- the bytes that each side received are a beginning of the bytes that the other sent,
-- and the descriptors that are left open.
local tl = require "timerlua"
local ffi = require "ffi"

local style, mode, where = ...
local edge = mode == "edge"
local PARTS = { 1, 17, 400, 4096, 5000, 70000 } -- bytes sent, part by part
if style == "big" then
  for i = 1, 24 do PARTS[i] = 2 ^ 17 + i end
end

local function say(...) io.write(table.concat({ ... }, " "), "\n") end

-- ---------------------------------------------------------------------------
-- open descriptors

ffi.cdef "int isatty(int fd);"
local EBADF = 9

-- not by fcntl(2), which is among the calls that fail
local function descriptors()
  local count = 0
  for fd = 0, 127 do
    if ffi.C.isatty(fd) == 1 or ffi.errno() ~= EBADF then count = count + 1 end
  end
  return count
end

-- ---------------------------------------------------------------------------
-- reported failures

local told = 0

--- Note a failure: its message and code must both be there.
local function note(what, message, code)
  told = told + 1
  say("told", what, tostring(code), tostring(message))
end

--- Pass a success on; note a failure.
local function check(what, result, message, code)
  if result == nil or result == false then note(what, message, code) end
  return result
end

-- No two places are alike, so lost or doubled bytes are noticed.
local function payload_of(parts)
  local total = 0
  for _, length in ipairs(parts) do total = total + length end
  local words = math.ceil(total / 4)
  local pieces, number = ffi.new("uint32_t[?]", words), 0
  for i = 0, words - 1 do
    number = (number * 1664525 + 1013904223) % 2 ^ 32 -- one period is all 32-bit words
    pieces[i] = number
  end
  return ffi.string(pieces, total)
end

local payload = payload_of(PARTS)
local arrived, returned = {}, {} -- at the server, and back at the client

local function compare(name, pieces)
  local bytes = table.concat(pieces)
  say(name, payload:sub(1, #bytes) == bytes and "beginning" or "CHANGED",
    bytes == payload and "whole" or "part", #bytes)
end

-- ---------------------------------------------------------------------------
-- tasks

local function serve(conn)
  while true do
    local data, message, _, code = conn:receive_some()
    if not data then
      if code ~= "EOF" then return note("server receive", message, code) end
      return check("server flush", conn:flush()) -- so that a failure is noticed
    end
    arrived[#arrived + 1] = data
    local sent, why, _, because = conn:send(data)
    if not sent then return note("server send", why, because) end
  end
end

local function read_back(conn)
  while true do
    local data, message, partial, code = conn:receive(4096)
    returned[#returned + 1] = data or partial
    if not data then
      if code ~= "EOF" then note("client receive", message, code) end
      return
    end
  end
end

local function send_all(conn)
  local first = 1
  for i, length in ipairs(PARTS) do
    local last = first + length - 1
    local sent, message, _, code = conn:send(payload, first, last)
    if not sent then
      note("client send", message, code)
      return conn:close()
    end
    if i % 3 == 0 and not check("client flush", conn:flush()) then return conn:close() end
    first = last + 1
  end
  if not check("client shutdown", conn:shutdown("send")) then conn:close() end
end

local function ask(conn)
  conn:sock() -- nil when it cannot be known
  conn:peer()
  for _, name in ipairs { "nodelay", "keepalive", "linger", "ttl", "sndbuf", "rcvbuf" } do
    local value, message, code = conn:getoption(name)
    if value == nil then note("getoption", message, code) end
  end
  check("setoption", conn:setoption("ttl", 9))
  check("setoption", conn:setoption("keepalive", 30))
  check("setoption", conn:setoption("linger", false))
end

local function client(target)
  local options = { edge = edge }
  if style == "questions" then options.keepalive, options.ttl = 60, 7 end
  local conn = check("connect", tl.connect(target, options))
  if not conn then return end
  if style == "questions" then ask(conn) end
  local reader = tl.spawn(read_back, conn)
  send_all(conn)
  reader:join()
  conn:close()
end

-- ---------------------------------------------------------------------------
-- callbacks

local opened, closed = 0, 0

local function open(conn)
  conn.name = "open"
  opened = opened + 1
end

-- `error` and `close` report the same failure; it is noted once.
local function closing(name, done)
  return function(conn, message, code)
    if conn.name == "closed" then say("CLOSED TWICE") end
    if conn.name == "open" then closed = closed + 1 end
    conn.name = "closed"
    if message or code then note(name .. " close", message, code) end
    if done then done() end
  end
end

local function sending(name)
  return function(conn, bytes)
    local sent, message, _, code = conn:send(bytes)
    if not sent then
      note(name .. " send", message, code)
      conn:close()
    end
    return sent
  end
end

local server_send, client_send = sending "server", sending "client"

local echo = {
  open = open,
  data = function(conn, bytes)
    arrived[#arrived + 1] = bytes
    server_send(conn, bytes)
  end,
  error = function(_, message, code) note("server error", message, code) end,
  close = closing "server",
}

local function callback_client(target, done)
  local handler = {
    open = function(conn)
      open(conn)
      local first = 1
      for _, length in ipairs(PARTS) do
        if not client_send(conn, payload:sub(first, first + length - 1)) then return end
        first = first + length
      end
      check("client shutdown", conn:shutdown("send"))
    end,
    data = function(_, bytes) returned[#returned + 1] = bytes end,
    eof = function(conn) conn:close() end,
    error = function(_, message, code) note("client error", message, code) end,
    close = closing("client", done),
  }
  check("connect", tl.connect(target, { edge = edge, handler = handler }))
end

-- ---------------------------------------------------------------------------
-- both

local function with_server(callbacks, run)
  local server = check("listen", tl.listen(where, callbacks and echo or serve, {
    edge = edge,
    error = function(_, message, code) note("accept", message, code) end }))
  if not server then return end
  local target = where:find "^unix:" and where
    or where:gsub(":0$", ":" .. tostring(server.port))
  run(target, function() server:close() end)
end

local function play()
  if style == "callback" then return with_server(true, callback_client) end
  with_server(false, function(target, done)
    client(target)
    done()
  end)
end

local function collect()
  for _ = 1, 3 do collectgarbage() end
end

-- descriptors that are opened once and kept are opened in advance: clocks, and the
-- resolver's
while tl.stats().timerfd_sets == 0 do tl.sleep(0.01) end
pcall(tl.resolve, "localhost")
collect()
local before, handles = descriptors(), tl.stats().handles
say("begin")
local ok, message = pcall(play)
if not ok then note("raised", message, tostring(message):match("%((E%w+)%)")) end
tl.run()
if told > 0 then tl.sleep(0.15) end -- a listener tries again after 0.1 s
collect()
tl.sleep(0.001)
say("left", descriptors() - before, tl.stats().handles - handles)
if opened ~= closed then say("CLOSE NOT TOLD", opened, closed) end
compare("arrived", arrived)
compare("returned", returned)
say("end", told)
