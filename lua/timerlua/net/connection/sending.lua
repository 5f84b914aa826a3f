-- How a connection sends. The core has the queue; this file has the waits for room in the
-- queue or for its end, and the methods.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local check = require "timerlua.core.check"
local errno = require "timerlua.core.errno"
local misuse = require "timerlua.core.misuse"
local object = require "timerlua.net.connection.object"
local string_buffer = require "timerlua.core.string_buffer"
local wait = require "timerlua.task.wait"

local C, loop = core.C, core.loop
local Connection, check_self = object.Connection, object.check_self
local known_status, words = object.known_status, object.words
local is_buffer = string_buffer.is

local MONOTONIC, TIME_OVER = C.TL_MONOTONIC, C.TL_TIME_OVER
local ROOM, SENT = C.TL_AWAIT_ROOM, C.TL_AWAIT_SENT
local ABOVE_HIGH = C.TL_ABOVE_HIGH
local EAGAIN, EBUSY, EINTR = errno.EAGAIN, errno.EBUSY, errno.EINTR

local sending = {}

--- Wait until the queue is short enough, or empty.
--- @param where string the public function, for errors
--- @param what integer TL_AWAIT_ROOM or TL_AWAIT_SENT
--- @return boolean? true
--- @return integer? status why the wait failed
function sending.await(self, where, what)
  local slot, generation = self.slot, self.generation
  local deadline = self.timeout and C.tl_now(loop, MONOTONIC) + self.timeout
  while true do
    local status = C.tl_stream_sent(loop, slot, generation, what)
    if status == 0 then return true end
    if status ~= EAGAIN then return nil, status end
    local left = deadline and deadline - C.tl_now(loop, MONOTONIC)
    if left and left <= 0 then return nil, TIME_OVER end
    local waiter = wait.begin(where, left)
    status = C.tl_stream_await_sent(loop, slot, generation, what, waiter.slot, waiter.generation)
    if status ~= 0 then
      wait.abandon(waiter)
      return nil, status
    end
    if wait.suspend(waiter) == wait.loop_ended then return nil, EINTR end
  end
end

local await = sending.await

local function unsent(self, status, index)
  local message, code = words(known_status(self, status))
  return nil, message, index, code
end

-- Above the high-water mark, a task waits; callbacks use queued and drain.
local function after_send(self, status, index)
  if status == ABOVE_HIGH and not self.flowing then
    local ok
    ok, status = await(self, "connection:send", ROOM)
    -- another task came first and is waiting; these bytes are taken all the same
    if status == EBUSY then return index end
    if not ok then return unsent(self, status, index) end
  end
  return index
end

local function send_part(self, part)
  local kind = type(part)
  if kind == "string" then
    return C.tl_stream_send(loop, self.slot, self.generation, part, #part), #part
  elseif kind == "number" then
    return send_part(self, tostring(part))
  elseif is_buffer(part) then
    local memory, length = string_buffer.ref(part)
    return C.tl_stream_send(loop, self.slot, self.generation, memory, length),
      tonumber(length)
  end
  misuse.got("connection:send", "what is sent must be a string, a string.buffer or "
    .. "a list of them", part)
end

local function is_part(part)
  local kind = type(part)
  return kind == "string" or kind == "number" or is_buffer(part)
end

local function send_parts(self, parts)
  local total, worst = 0, 0
  for i = 1, #parts do -- all or nothing
    if not is_part(parts[i]) then
      misuse.got("connection:send", ("part %d must be a string or a string.buffer")
        :format(i), parts[i])
    end
  end
  for i = 1, #parts do
    local status, length = send_part(self, parts[i])
    if status < 0 then return unsent(self, status, total) end
    total = total + length
    worst = status
  end
  return after_send(self, worst, total)
end

local FARTHEST = 2 ^ 53 -- position in a string

local function send_range(self, data, i, j)
  local first, last = 1, -1
  if i ~= nil then first = check.integer("connection:send", "i", i, -FARTHEST, FARTHEST) end
  if j ~= nil then last = check.integer("connection:send", "j", j, -FARTHEST, FARTHEST) end
  if first < 0 then first = math.max(1, #data + first + 1) end
  if last < 0 then last = #data + last + 1 end
  first, last = math.max(1, first), math.min(#data, last)
  local count = math.max(0, last - first + 1)
  local status = C.tl_stream_send(loop, self.slot, self.generation,
    ffi.cast("const char *", data) + (first - 1), count)
  if status < 0 then return unsent(self, status, first - 1) end
  return after_send(self, status, first + count - 1)
end

--- Queue bytes. They leave when the running callback returns or its task waits, together
--- with all other bytes queued until then, in one system call. In a task, send waits while
--- more than `high` bytes are queued.
--- @param data string|table a string, a string.buffer, or a list of them
--- @param i? integer the first byte to send, as for string.sub
--- @param j? integer the last byte to send
--- @return integer? last the position of the last byte taken
--- @return string? err "closed", "timeout", "busy", or the cause
--- @return integer? partial after a failure, the position of the last byte taken
--- @return string? code "EPIPE", "ECONNRESET", "EBADF", "ETIMEDOUT",
---   "EBUSY" (another task waits for room), "ENOBUFS" (the queue's limit)
function Connection:send(data, i, j)
  check_self(self, "send")
  if type(data) == "string" and i == nil and j == nil then
    local status = C.tl_stream_send(loop, self.slot, self.generation, data, #data)
    if status == 0 then return #data end
    if status < 0 then return unsent(self, status, 0) end
    return after_send(self, status, #data)
  end
  if type(data) == "string" then return send_range(self, data, i, j) end
  if i ~= nil or j ~= nil then
    misuse.raise("connection:send", "i and j go with a string only")
  end
  if type(data) == "table" then return send_parts(self, data) end
  local status, length = send_part(self, data)
  if status < 0 then return unsent(self, status, 0) end
  return after_send(self, status, length)
end

--- Send the queued bytes now, and wait until the kernel has taken all of them.
--- @return boolean? done true
--- @return string? err "closed", "timeout", "busy", or the cause
--- @return string? code as for send
function Connection:flush()
  check_self(self, "flush")
  local status = C.tl_stream_flush(loop, self.slot, self.generation)
  local ok = status == 0
  if status == EAGAIN then ok, status = await(self, "connection:flush", SENT) end
  if ok then return true end
  return nil, words(known_status(self, status))
end

return sending
