-- Channels: values from task to task, in order.
--
-- A value never leaves the queue before its receiver runs: a receiver that is woken is
-- promised a value, and takes it from the head of the queue. If the receiver is cancelled
-- in between, only the promise is void, so no value is lost and no value overtakes another.
local check = require "timerlua.core.check"
local misuse = require "timerlua.core.misuse"
local wait = require "timerlua.task.wait"
local waiters = require "timerlua.task.waiters"

local channel = {}

--- @class timerlua.Channel
--- @since 0.1
local Channel = {}
Channel.__index = Channel

function Channel.__tostring(self)
  return ("timerlua.Channel: %d of %d queued%s"):format(self.count, self.capacity,
    self.is_closed and ", closed" or "")
end

-- The state that a receiver with a promise leaves behind when it is cancelled.
local Promises = {}
Promises.__index = Promises

--- Make a channel that holds at most `capacity` values: a sender waits while it is full, a
--- receiver while it is empty.
--- @param capacity? integer >= 0; default 0: each sender waits for a receiver
--- @return timerlua.Channel channel
function channel.channel(capacity)
  if capacity == nil then capacity = 0 end
  check.integer("channel", "capacity", capacity, 0)
  local self = setmetatable({ capacity = capacity,
    queue = {}, head = 1, count = 0, -- values[head .. head + count - 1]
    promised = 0,                    -- of these, to woken receivers
    receivers = waiters.new(), senders = waiters.new() }, Channel)
  self.promises = setmetatable({ channel = self }, Promises)
  return self
end

local check_self = check.self_of(Channel, "channel", "a channel")

local function push(self, value)
  self.queue[self.head + self.count] = value
  self.count = self.count + 1
end

local function shift(self)
  local queue, head = self.queue, self.head
  local value = queue[head]
  queue[head] = nil
  self.count = self.count - 1
  self.head = self.count > 0 and head + 1 or 1
  return value
end

-- Promise the first free value to the receiver that came first, if any.
local function promise(self)
  local receivers = self.receivers
  for waiter in receivers.take, receivers do
    if wait.wake(waiter, true) then
      self.promised = self.promised + 1
      waiter.list = self.promises
      return
    end
  end
end

function Promises:remove()
  local of = self.channel
  of.promised = of.promised - 1
  promise(of)
end

-- There may be room: give it to the senders that came first.
local function admit(self)
  local senders = self.senders
  while senders.count > 0 and self.count - self.promised < self.capacity do
    local waiter, value = senders:take()
    if wait.wake(waiter, true) then push(self, value) end
  end
end

-- A value that is not promised to a receiver; nil when there is none.
local function take(self)
  if self.count > self.promised then
    local value = shift(self)
    admit(self)
    return value
  end
  local senders = self.senders
  for waiter, value in senders.take, senders do -- no room: hand to hand
    if wait.wake(waiter, true) then
      push(self, value) -- behind the promised values
      return shift(self)
    end
  end
end

--- Send a value, waiting for room. First come, first served.
--- @param value any anything but nil
--- @return boolean? sent true
--- @return string? message "closed": the channel is closed, perhaps during the wait, and
---   the value was not sent
--- @return string? code "EPIPE"; "ECANCELED": the loop ended first, in the main chunk of a
---   plain luajit
function Channel:send(value)
  check_self(self, "send")
  if value == nil then misuse.got("channel:send", "value must not be nil", value) end
  if self.is_closed then return nil, "closed", "EPIPE" end
  if self.receivers.count > 0 then
    push(self, value)
    promise(self)
    return true
  elseif self.count - self.promised < self.capacity then
    push(self, value)
    return true
  end
  local waiter = wait.begin("channel:send")
  self.senders:add(waiter, value)
  local sent = wait.suspend(waiter)
  if sent == true then return true end
  if sent == wait.loop_ended then return nil, "send: the loop ended", "ECANCELED" end
  return nil, "closed", "EPIPE"
end

--- Receive a value, waiting for one. First come, first served.
--- @return any value
--- @return string? message "closed": the channel is closed and empty
--- @return string? code "EOF"; "ECANCELED": the loop ended first, in the main chunk of a
---   plain luajit
function Channel:receive()
  check_self(self, "receive")
  local value = take(self)
  if value ~= nil then return value end
  if self.is_closed then return nil, "closed", "EOF" end
  local waiter = wait.begin("channel:receive")
  self.receivers:add(waiter)
  local woken = wait.suspend(waiter)
  if woken == true then
    self.promised = self.promised - 1
    return shift(self)
  elseif woken == wait.loop_ended then
    return nil, "receive: the loop ended", "ECANCELED"
  end
  value = take(self) -- a promise may have become void
  if value ~= nil then return value end
  return nil, "closed", "EOF"
end

--- Iterate over the received values until the channel is closed and empty.
--- @return fun(channel: timerlua.Channel): any next for `for value in channel:values() do`
--- @return timerlua.Channel channel
function Channel:values()
  check_self(self, "values")
  return Channel.receive, self
end

--- Return how many values the channel holds; values of waiting senders are not counted.
--- @return integer count
function Channel:queued()
  check_self(self, "queued")
  return self.count
end

--- Stop accepting values. Values in the channel can still be received; waiting senders
--- return nil, "closed", "EPIPE". Harmless when repeated.
--- @return boolean closed true
function Channel:close()
  check_self(self, "close")
  if self.is_closed then return true end
  self.is_closed = true
  for _, list in ipairs { self.receivers, self.senders } do
    for waiter in list.take, list do wait.wake(waiter) end
  end
  return true
end

return channel
