-- Connecting: several addresses are tried as "happy eyeballs" does, RFC 8305.
local core = require "timerlua.core.ffi"
local address = require "timerlua.net.address"
local callable = require "timerlua.core.callable"
local check = require "timerlua.core.check"
local connection = require "timerlua.net.connection.making"
local endpoints = require "timerlua.net.endpoints"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local misuse = require "timerlua.core.misuse"
local options = require "timerlua.net.options"
local task = require "timerlua.task.task"
local wait = require "timerlua.task.wait"

local C, loop = core.C, core.loop
local MONOTONIC, CONNECTED = C.TL_MONOTONIC, C.TL_AWAIT_CONNECTED
local EAGAIN, EINTR, ETIMEDOUT = errno.EAGAIN, errno.EINTR, errno.ETIMEDOUT
local ATTEMPT_DELAY = 0.25 -- seconds, RFC 8305, 5
local BACKLOG_DELAY = 0.01 -- seconds until a full Unix backlog is tried again

local KERNEL = connection.kernel_options
local KNOWN = check.names("handler local_addr", KERNEL, connection.own_options)

local connect = {}

local function now()
  return C.tl_now(loop, MONOTONIC)
end

-- ---------------------------------------------------------------------------
-- one attempt

local function prepare(plan, candidate)
  local fd = C.tl_socket_open(candidate, C.TL_SOCKET_STREAM)
  if fd < 0 then return nil, fd end
  local is_tcp = C.tl_address_family(candidate) ~= C.TL_UNIX
  for _, entry in ipairs(plan.kernel) do
    -- options of TCP mean nothing to a Unix socket
    local status = C.tl_socket_set(fd, entry[2], entry[3])
    if status < 0 and is_tcp then
      C.tl_descriptor_close(fd)
      return nil, status
    end
  end
  local status = plan.local_address and C.tl_socket_bind(fd, plan.local_address) or 0
  if status == 0 then return fd end
  C.tl_descriptor_close(fd)
  return nil, status
end

-- Begin to connect: an attempt, or nil and a status.
local function attempt(plan, candidate)
  local fd, status = prepare(plan, candidate)
  if not fd then return nil, status end
  local id = core.new_id()
  status = C.tl_stream_connect(loop, id, fd, plan.settings.flags, candidate)
  if status == 0 then return { id = id, address = candidate, fd = fd } end
  C.tl_descriptor_close(fd)
  return nil, status
end

-- The status of an attempt: TL_CONNECTED, 0 for not yet, or an error. A port that
-- nobody listens on may be the one that the kernel chose for the attempt itself,
-- which is then its own peer: RFC 9293, 3.5, simultaneous open.
local function status_of(begun)
  local id = begun.id
  local status = C.tl_stream_connected(loop, id.slot, id.generation)
  if status ~= C.TL_CONNECTED
    or C.tl_socket_is_own_peer(begun.fd, begun.address) == 0 then return status end
  C.tl_stream_abort(loop, id.slot, id.generation, 0) -- keeps the port for nobody
  return errno.ECONNREFUSED
end

local function give_up(attempts)
  for _, each in ipairs(attempts) do
    C.tl_stream_close(loop, each.id.slot, each.id.generation)
  end
end

-- ---------------------------------------------------------------------------
-- the race

-- The families take turns, beginning with the family of the first address.
local function interleaved(candidates)
  local families, order = {}, {}
  for _, each in ipairs(candidates) do
    local family = C.tl_address_family(each)
    if not families[family] then
      families[family] = {}
      order[#order + 1] = family
    end
    table.insert(families[family], each)
  end
  local list = {}
  for i = 1, #candidates do
    for _, family in ipairs(order) do list[#list + 1] = families[family][i] end
  end
  return list
end

-- The attempt that is connected, if any; failed attempts are removed.
local function sift(race)
  for i = #race.attempts, 1, -1 do
    local each = race.attempts[i]
    local status = status_of(each)
    if status == C.TL_CONNECTED then
      table.remove(race.attempts, i)
      return each
    elseif status < 0 then
      race.status = status
      race.failed = true
      give_up { table.remove(race.attempts, i) }
    end
  end
end

-- Begin the next attempt, if one is due.
local function advance(race)
  while race.next <= #race.candidates do
    if #race.attempts > 0 and not race.failed and now() < race.next_at then return end
    local candidate = race.candidates[race.next]
    local begun, status = attempt(race.plan, candidate)
    if not begun and status == EAGAIN then -- unix(7): its backlog is full
      race.next_at = now() + BACKLOG_DELAY
      race.full = true
      return
    end
    race.next, race.failed, race.full = race.next + 1, false, false
    if begun then
      table.insert(race.attempts, begun)
      race.next_at = now() + ATTEMPT_DELAY
    else
      race.status = status
    end
  end
end

-- Seconds until something has to be done even if nothing happens; nil for never.
local function patience(race)
  local deadline = race.deadline
  if race.next <= #race.candidates and (race.full or #race.attempts > 0) then
    deadline = math.min(deadline or math.huge, race.next_at)
  end
  return deadline and math.max(0, deadline - now())
end

local function wait_for_news(race)
  local waiter = wait.begin("connect", patience(race))
  for _, each in ipairs(race.attempts) do
    C.tl_stream_await_sent(loop, each.id.slot, each.id.generation, CONNECTED,
      waiter.slot, waiter.generation)
  end
  return wait.suspend(waiter) ~= wait.loop_ended
end

-- The connected attempt, or nil and a status. Waits.
local function run(race)
  while true do
    local winner = sift(race)
    if winner then return winner end
    if race.deadline and now() >= race.deadline then return nil, ETIMEDOUT end
    advance(race)
    if #race.attempts == 0 and race.next > #race.candidates then
      return nil, race.status
    end
    if not wait_for_news(race) then return nil, EINTR end
  end
end

-- The same; whatever happens, no attempt is left behind.
local function race_to(candidates, plan, deadline)
  local race = { plan = plan, candidates = interleaved(candidates), next = 1,
    attempts = {}, next_at = 0, deadline = deadline }
  local ok, winner, status = pcall(run, race)
  give_up(race.attempts)
  if not ok then error(winner, 0) end
  return winner, status
end

-- ---------------------------------------------------------------------------
-- the whole way

local function inherited(plan)
  local fd, message, code = endpoints.inherited("connect", plan.endpoint, plan.text)
  if not fd then return nil, message, code end
  local id = core.new_id()
  local status = C.tl_stream_start(loop, id, fd, plan.settings.flags)
  if status ~= 0 then return errors.failed(plan.subject, status) end
  return { id = id }
end

-- The addresses that were not there yet when the first ones were tried; waits.
local function late_addresses(plan, tried, deadline)
  local left = deadline and math.max(0, deadline - now())
  local known, others = {}, {}
  for _, each in ipairs(tried) do known[address.text(each)] = true end
  local all = endpoints.addresses("connect", plan.endpoint, plan.text, left, true)
  for _, each in ipairs(all or {}) do
    if not known[address.text(each)] then table.insert(others, each) end
  end
  return others
end

-- A connected stream of the core; waits.
local function establish(plan)
  if not plan.endpoint then return errors.failed(plan.subject, plan.status) end
  if plan.endpoint.kind == endpoints.FD then return inherited(plan) end
  local timeout = plan.timeout
  local deadline = timeout and now() + timeout
  local candidates, message, code = endpoints.addresses("connect", plan.endpoint,
    plan.text, timeout)
  if not candidates then return nil, message, code end
  local winner, status = race_to(candidates, plan, deadline)
  if not winner and candidates.partial and status ~= EINTR then
    local others = late_addresses(plan, candidates, deadline)
    if others[1] then winner, status = race_to(others, plan, deadline) end
  end
  if winner then return winner end
  if status == EINTR then
    return nil, plan.subject .. ": the loop ended", "ECANCELED"
  end
  return errors.failed(plan.subject, status)
end

-- The address, or nil and a status.
local function local_address(text)
  if text == nil then return nil end
  local endpoint, status = address.parse("connect", "option local_addr", text)
  if not endpoint then return nil, status end
  local list = endpoint.kind == endpoints.ADDRESS and endpoints.addresses("listen", endpoint, text)
  if not list then
    misuse.got("connect", "option local_addr must be a numeric or unix: address", text)
  end
  return list[1]
end

local function make_plan(addr, opts)
  local endpoint, status = address.parse("connect", "address", addr)
  local settings = connection.settings("connect", opts)
  local subject, own, own_status = "connect " .. addr, local_address(opts.local_addr)
  if own_status and endpoint then
    endpoint, status, subject = nil, own_status, subject .. ": option local_addr"
  end
  return {
    text = addr,
    subject = subject,
    endpoint = endpoint,
    status = status, -- without an endpoint
    kernel = options.for_kernel("connect", opts, KERNEL, connection.kernel_defaults),
    local_address = own,
    settings = settings,
    timeout = settings.timeout,
  }
end

local function equip(self, made, plan)
  self.known_peer = made.address and address.text(made.address)
  connection.equip(self, made.id.slot, made.id.generation, plan.settings)
  return self
end

-- ---------------------------------------------------------------------------
-- with a handler

local function run_handler(self, handler, autoclose)
  task.become(self, handler, autoclose and self.close)
  return handler(self)
end

-- In a task of its own: connect, then act as the handler wants.
local function connect_later(self, plan, handler, callbacks, flags)
  local made, message, code = establish(plan)
  self.connecting = nil
  if not made then
    self.failed = true
    if callbacks then return connection.tell_failure(self, handler, message, code) end
    return errors.report(message, nil, self)
  end
  equip(self, made, plan)
  if not callbacks then return run_handler(self, handler, plan.settings.autoclose) end
  self.flowing = true
  connection.flow(self, callbacks)
  C.tl_stream_flow(loop, self.slot, self.generation, flags)
end

-- From a fresh stack, as every close is reported.
local function tell_closed(self, on_close)
  task.become(self, on_close)
  on_close(self)
end

local function with_handler(plan, handler)
  local self = connection.pending(plan.settings)
  local callbacks, flags
  if type(handler) == "table" and not getmetatable(handler) then
    callbacks, flags = connection.callbacks("connect", handler)
  else
    callable.check("connect", "option handler", handler)
  end
  self.handler = not callbacks and handler or connection.first_callback(handler)
  self.known_peer = plan.text
  local connecting = task.spawn(connect_later, self, plan, handler, callbacks, flags)
  -- closed before the connection is made
  function self.connecting()
    self.connecting = nil
    connecting:cancel()
    if callbacks and handler.close then task.spawn(tell_closed, self, handler.close) end
    return true
  end
  return self
end

--- @class timerlua.ConnectOptions: timerlua.ConnectionOptions
--- @since 0.1
--- @field timeout? timerlua.Duration the longest time to connect, and afterwards the limit
---   of each wait
--- @field local_addr? string the local address: numeric, or "unix:"
--- @field handler? function|timerlua.Callbacks fun(conn) in a task of its own, or callbacks;
---   with either, tl.connect returns at once

--- Connect to an address. Waits until the connection is made, unless a handler is given.
--- The addresses of a name are tried as in RFC 8305.
--- @param addr timerlua.Address
--- @param opts? timerlua.ConnectOptions
--- @return timerlua.Connection? connection
--- @return string? message
--- @return string? code "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "ENOENT",
---   "ENOTFOUND" (no such name), "ENODEV" (no such device, in "[fe80::1%device]:80") ...
---   connect(2)
function connect.connect(addr, opts)
  opts = check.options("connect", opts, KNOWN)
  local plan = make_plan(addr, opts)
  if opts.handler ~= nil then return with_handler(plan, opts.handler) end
  local made, message, code = establish(plan)
  if not made then return nil, message, code end
  return equip(connection.pending(plan.settings), made, plan)
end

return connect
