-- How a datagram socket receives.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local errno = require "timerlua.core.errno"
local object = require "timerlua.net.udp.object"
local wait = require "timerlua.task.wait"

local C, loop = core.C, core.loop
local to_string = ffi.string
local Udp, check_self = object.Udp, object.check_self
local data_view, from_view = ffi.new("tl_view"), ffi.new("tl_view")

local MONOTONIC, TIME_OVER = C.TL_MONOTONIC, C.TL_TIME_OVER
local EAGAIN, EINTR, EMSGSIZE = errno.EAGAIN, errno.EINTR, errno.EMSGSIZE
local MOST, TAKEN = C.TL_SCRATCH_BYTES, C.TL_TAKEN

local receiving = {}

--- The results when something other than a datagram was received.
--- @param length? number the length in bytes of a datagram that was too long
function receiving.words(status, length)
  if status == EMSGSIZE then
    return ("a datagram of %d bytes is longer than %d"):format(length, MOST), "EMSGSIZE"
  end
  return object.words(status)
end

local function missed(status)
  return nil, receiving.words(status, data_view.length)
end

local function taken()
  return to_string(data_view.bytes, data_view.length),
    to_string(from_view.bytes, from_view.length)
end

local function take(self)
  return C.tl_datagram_take(loop, self.slot, self.generation, data_view, from_view)
end

local function await(self)
  local deadline = self.timeout and C.tl_now(loop, MONOTONIC) + self.timeout
  while true do
    local left = deadline and math.max(0, deadline - C.tl_now(loop, MONOTONIC))
    local waiter = wait.begin("udp:receive", left)
    local status = C.tl_datagram_await(loop, self.slot, self.generation, waiter.slot,
      waiter.generation)
    if status ~= 0 then
      wait.abandon(waiter)
      return missed(status)
    end
    waiter.list = self.place
    local data, from = wait.suspend(waiter)
    if from then return data, from end
    status = take(self)
    if status == TAKEN then return taken() end
    if data == wait.loop_ended then return missed(EINTR) end
    if status ~= EAGAIN then return missed(status) end
    if deadline and C.tl_now(loop, MONOTONIC) >= deadline then return missed(TIME_OVER) end
  end
end

--- Wait for a datagram.
--- @return string? data may be empty
--- @return string? from the sender's address, such as "127.0.0.1:4711"; or err: "timeout",
---   "closed", "busy", or the cause
--- @return string? code "ETIMEDOUT"; "EBADF" (closed here); "EBUSY" (another task receives,
---   or a callback does); "ECONNREFUSED" (no socket listens at the connected address;
---   reported once); "EMSGSIZE" (a Unix datagram longer than 65536 bytes, which is lost)
function Udp:receive()
  check_self(self, "receive")
  local status = take(self)
  if status == TAKEN then return taken() end
  if status == EAGAIN then return await(self) end
  return missed(status)
end

local function split(data, from, code)
  if not data then return nil, from, code end
  local ip, port = from:match("^%[?(.-)%]?:(%d+)$")
  if not ip then return data, from end
  return data, ip, tonumber(port)
end

--- Wait for a datagram: `receive()` in LuaSocket's form.
--- @return string? data
--- @return string? ip or err, as for receive
--- @return integer|string|nil port or code, as for receive
function Udp:receivefrom()
  check_self(self, "receivefrom")
  return split(self:receive())
end

return receiving
