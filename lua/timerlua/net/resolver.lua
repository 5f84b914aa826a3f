-- Names: the lookups of tl.resolve and of connecting sockets. A resolver of the core is open
-- while lookups are in progress; this file watches its descriptors and keeps its timeouts.
-- Lookups of the same name share one query.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local entries = require "timerlua.core.entries"
local errno = require "timerlua.core.errno"
local timer = require "timerlua.loop.timer"
local wait = require "timerlua.task.wait"
local watch = require "timerlua.loop.watch"
local words = require "timerlua.net.words"

local C = core.C
local new_address, new_endpoint = ffi.typeof("tl_address"), ffi.typeof("tl_endpoint")
local READY = { r = C.TL_READ, w = C.TL_WRITE, e = C.TL_ERROR, h = C.TL_HANGUP }
local INTEREST = { [READY.r] = "r", [READY.w] = "w", [READY.r + READY.w] = "rw" }
local INET, INET6 = C.TL_INET, C.TL_INET6
-- Seconds before the families are asked one by one, and then for the second one
-- after the first: RFC 8305, 3.
local HALVES_AFTER, RESOLUTION_DELAY = 0.05, 0.05
local MOST_HALVED = 64 -- queries; with more under way, the server is only busy
local BAD_NAME, TIMED_OUT, NO_DATA =
  C.TL_LOOKUP_BAD_NAME, C.TL_LOOKUP_TIMED_OUT, C.TL_LOOKUP_NO_DATA

local resolver = {}

-- ---------------------------------------------------------------------------
-- failures: nil, cause, code

local function lookup_failed(status)
  return nil, ffi.string(C.tl_lookup_error_text(status)),
    ffi.string(C.tl_lookup_error_name(status))
end

local function system_failed(status)
  return nil, words.of(status)
end

-- ---------------------------------------------------------------------------
-- open resolvers, by their servers; "" is the system's

local open = {}
local change = ffi.new("tl_resolver_change")
local result = ffi.new("tl_lookup_result")
local last_ticket = 0

local Resolver = {}
Resolver.__index = Resolver

local function open_resolver(servers)
  local self = open[servers]
  if self then return self end
  local failure = ffi.new("int32_t[1]")
  local handle = C.tl_resolver_open(servers ~= "" and servers or nil, failure)
  if handle == nil then return system_failed(failure[0]) end
  self = setmetatable({
    handle = ffi.gc(handle, C.tl_resolver_close), -- if the state ends first
    servers = servers,
    watches = {},   -- by descriptor
    by_ticket = {}, -- queries in progress
    by_key = {},
    count = 0,
  }, Resolver)
  open[servers] = self
  return self
end

-- No task waits any more. A thread that cannot be stopped is kept for later, but does not
-- keep the loop running.
function Resolver:rest()
  if self.count > 0 or not self.handle then return end
  if C.tl_resolver_is_stuck(self.handle) ~= 0 then
    for _, watched in entries(self.watches) do watched:unref() end
    return
  end
  for _, watched in entries(self.watches) do watched:cancel() end
  if self.timer then self.timer:cancel() end
  open[self.servers] = nil
  C.tl_resolver_close(ffi.gc(self.handle, nil))
  self.handle = nil
end

--- @class timerlua.Query a lookup in progress, and the list of its waiters
local Query = {}
Query.__index = Query

function Resolver:forget(query)
  self.by_ticket[query.ticket] = nil
  self.by_key[query.key] = nil
  self.count = self.count - 1
end

function Resolver:drop(query)
  query:stop_halves()
  C.tl_resolver_cancel(self.handle, query.ticket)
  self:forget(query)
end

-- The query is over: its waiters find the result in it.
function Resolver:finish(query)
  self:forget(query)
  query.over = true
  query:stop_halves()
  if query.whole then query.whole:take_half(query) end
  for _, waiter in ipairs(query.waiters) do
    waiter.list = nil
    wait.wake(waiter)
  end
end

local function copy_addresses(told)
  local addresses = {}
  for i = 1, told.count do addresses[i] = new_address(told.addresses[i - 1]) end
  return addresses
end

function Resolver:take_results()
  while C.tl_resolver_next(self.handle, result) ~= 0 do
    local query = self.by_ticket[result.ticket]
    if result.status == 0 then
      query.addresses = copy_addresses(result)
    else
      query.failure = { lookup_failed(result.status) }
    end
    self:finish(query)
  end
end

-- A descriptor that cannot be watched: its answer would go unnoticed.
function Resolver:fail_all(message, code)
  for ticket, query in entries(self.by_ticket) do
    C.tl_resolver_cancel(self.handle, ticket)
    query.failure = { nil, message, code }
    self:finish(query)
  end
end

local function ready_bits(letters)
  local bits = 0
  for letter in letters:gmatch(".") do bits = bits + READY[letter] end
  return bits
end

function Resolver:watch(fd, interest)
  if self.watches[fd] then self.watches[fd]:cancel() end
  self.watches[fd] = nil
  if interest == 0 then return end
  local watched, message, code = watch.keep(fd, INTEREST[interest], function(_, ready)
    self:process(fd, ready_bits(ready))
  end)
  if not watched then return self:fail_all(message, code) end
  watched.name = "tl.resolve"
  self.watches[fd] = watched
end

function Resolver:settle()
  while C.tl_resolver_next_change(self.handle, change) ~= 0 do
    self:watch(change.fd, change.interest)
  end
  self:take_results()
end

function Resolver:process(fd, ready)
  C.tl_resolver_process(self.handle, fd, ready)
  self:settle()
  self:rest()
end

local function tick(_, self)
  self:process(-1, 0)
  if not self.handle then return end
  local left = C.tl_resolver_timeout(self.handle)
  if left >= 0 then self.timer:reset(left) else self.timer = nil end
end

-- The time of the resolver's next call is asked for once a turn, however many lookups began
-- in the turn, because the answer takes a walk over all lookups.
function Resolver:keep_time()
  if self.timer then
    self.timer:reset(0)
    return true
  end
  local failure, code
  self.timer, failure, code = timer.after(0, tick, self)
  if not self.timer then return nil, failure, code end
  self.timer.name = "tl.resolve"
  return true
end

function Resolver:start(name, family, key, whole)
  last_ticket = (last_ticket + 1) % 2 ^ 32
  local query = setmetatable({ resolver = self, key = key, ticket = last_ticket,
    name = name, family = family, whole = whole, waiters = {} }, Query)
  local status = C.tl_resolver_start(self.handle, name, #name, family, query.ticket)
  if status ~= 0 then return system_failed(status) end
  self.by_ticket[query.ticket], self.by_key[key] = query, query
  self.count = self.count + 1
  for _, watched in entries(self.watches) do watched:ref() end
  self:settle()
  if not query.over then
    local ok, message, code = self:keep_time()
    if not ok then self:fail_all(message, code) end
  end
  return query
end

-- ---------------------------------------------------------------------------
-- waiting

function Query:add(waiter, eager)
  table.insert(self.waiters, waiter)
  if eager then self.eager[waiter] = true end
  waiter.list = self
end

-- A waiter whose time is over or that was cancelled leaves; the last one ends the query.
function Query:remove(waiter)
  waiter.list = nil
  for i, other in ipairs(self.waiters) do
    if other == waiter then table.remove(self.waiters, i) end
  end
  if self.over or self.waiters[1] then return end
  self.resolver:drop(self)
  self.resolver:rest()
end

-- ---------------------------------------------------------------------------
-- halves: a name server may answer for one family and never for the other, and
-- c-ares tells both together. So a query that takes long is joined by one for
-- each family.

-- Whoever needs only some addresses goes on.
local function be_ready(_, self)
  self.ready = true
  for i = #self.waiters, 1, -1 do
    local waiter = self.waiters[i]
    if self.eager[waiter] then
      self:remove(waiter)
      wait.wake(waiter)
    end
  end
end

function Query:take_half(half)
  self.halves[half] = nil
  if half.addresses then
    local first, second = half.addresses, self.partial or {}
    if half.family == INET then first, second = second, first end
    self.partial = {}
    for _, list in ipairs { first, second } do
      for _, found in ipairs(list) do table.insert(self.partial, found) end
    end
  end
  if not self.partial or self.ready then return end
  local left = next(self.halves) and RESOLUTION_DELAY or 0
  if self.late then self.late:cancel() end
  self.late = timer.after(left, be_ready, self)
end

local function begin_halves(late, self)
  if self.resolver.count > MOST_HALVED then return late:reset(HALVES_AFTER) end
  for _, family in ipairs { INET6, INET } do
    local key = ("half %d %s"):format(family, self.name:lower())
    local half = self.resolver:start(self.name, family, key, self)
    if half and not half.over then self.halves[half] = true end
  end
end

-- Only for those that ask for both families.
function Query:keep_patience()
  self.eager, self.halves = setmetatable({}, { __mode = "k" }), {}
  self.late = timer.after(HALVES_AFTER, begin_halves, self) -- nil, ENOMEM: as without
  if self.late then self.late.name = "tl.resolve" end
end

function Query:stop_halves()
  if self.late then self.late:cancel() end
  for half in entries(self.halves or {}) do self.resolver:drop(half) end
  self.late, self.halves = nil, self.halves and {}
end

-- ---------------------------------------------------------------------------
-- results

local function with_port(addresses, port)
  local copies = {}
  for i, found in ipairs(addresses) do
    local copy = new_address(found) -- others may wait for the same query
    copy.bytes[2], copy.bytes[3] = math.floor(port / 256), port % 256
    copies[i] = copy
  end
  return copies
end

-- What the query has told so far; `partial` in it: there may be more to come.
local function outcome(query, ended, port)
  if query.addresses then return with_port(query.addresses, port) end
  if ended == wait.loop_ended then return nil, tostring(ended), "ECANCELED" end
  if query.partial then
    local addresses = with_port(query.partial, port)
    addresses.partial = not query.over
    return addresses
  end
  if query.failure then return unpack(query.failure, 1, 3) end
  return lookup_failed(TIMED_OUT)
end

local function query_for(name, options)
  local self, message, code = open_resolver(options.servers or "")
  if not self then return nil, message, code end
  local family = options.family or 0
  local key = family .. " " .. name:lower()
  local query = self.by_key[key]
  if query then return query end
  query, message, code = self:start(name, family, key)
  if query and family == 0 and not query.over then query:keep_patience() end
  self:rest()
  return query, message, code
end

local function look_up(where, name, options)
  local waiter = wait.begin(where, options.ns)
  local query, message, code = query_for(name, options)
  if not query or query.over or (options.eager and query.ready) then
    wait.abandon(waiter)
    if not query then return nil, message, code end
    return outcome(query, nil, options.port or 0)
  end
  query:add(waiter, options.eager and query.eager ~= nil)
  return outcome(query, wait.suspend(waiter), options.port or 0)
end

-- ---------------------------------------------------------------------------
-- names

local function is_name(name)
  local endpoint = new_endpoint()
  local text = name .. ":0"
  return not name:find(":", 1, true)
    and C.tl_address_parse(text, #text, endpoint) == 0
    and endpoint.kind == C.TL_ENDPOINT_NAME
end

-- The address, if the name is already one; nil when it is a name, nil and a status when it
-- is neither.
local function numeric(name, port)
  local host = string.match(name, "^%[(.*:.*)%]$") or name
  local found = new_address()
  local status = C.tl_address_numeric(host, #host, port, found)
  if status == 0 then return found end
  if not is_name(name) then return nil, status end
end

--- The addresses of a host's name, in the order in which to try them; waits.
--- @param where string the public function, for errors
--- @param name string checked: not empty, at most 253 bytes
--- @param options table port; family, TL_INET or TL_INET6; ns, the most to wait; servers;
---   eager, the addresses of one family will do when those of the other are late
--- @return ffi.cdata*[]? addresses tl_address values with the port, the
---   caller's own; with `partial`, there may be others
--- @return string? cause such as "host not found"
--- @return string? code
function resolver.lookup(where, name, options)
  local found, status = numeric(name, options.port or 0)
  status = status or options.status
  if status == errno.ENODEV then return system_failed(status) end
  if status then return lookup_failed(BAD_NAME) end
  if not found then return look_up(where, name, options) end
  local family = C.tl_address_family(found)
  if options.family and family ~= options.family then return lookup_failed(NO_DATA) end
  return { found }
end

return resolver
