-- How connections are made: from a socket that a listener accepted, from a connected
-- socket, from other descriptors; and the callbacks of connections that have some.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local anchors = require "timerlua.core.anchors"
local callable = require "timerlua.core.callable"
local ending = require "timerlua.net.connection.ending"
local entries = require "timerlua.core.entries"
local errors = require "timerlua.core.errors"
local misuse = require "timerlua.core.misuse"
local object = require "timerlua.net.connection.object"
local options = require "timerlua.net.options"
require "timerlua.net.connection.receiving" -- adds its methods

local C, loop, new_id = core.C, core.loop, core.new_id

local FLOWING, EDGE, FILE = C.TL_STREAM_FLOWING, C.TL_STREAM_EDGE, C.TL_STREAM_FILE
local SEND_ONLY, RECEIVE_ONLY = C.TL_STREAM_SEND_ONLY, C.TL_STREAM_RECEIVE_ONLY
local OPEN, DATA, DRAIN = C.TL_TELL_OPEN, C.TL_TELL_DATA, C.TL_TELL_DRAIN
local EOF, ERROR, CLOSE = C.TL_TELL_EOF, C.TL_TELL_ERROR, C.TL_TELL_CLOSE
local CALLBACKS = { [OPEN] = "open", [DATA] = "data", [DRAIN] = "drain", [EOF] = "eof",
  [ERROR] = "error", [CLOSE] = "close" }

local connection = {
  kernel_options = "nodelay cork keepalive linger sndbuf rcvbuf ttl",
  kernel_defaults = { nodelay = true },
  own_options = "edge timeout high low limit receive_limit close_timeout linger_input "
    .. "linger_limit autoclose",

  --- The connections of descriptors 0 to 2, by number, once they are open.
  standard = {},
}

-- As in the core.
local LINGER_INPUT, LINGER_LIMIT = 5, 16 * 2 ^ 20 -- seconds, bytes
local RECEIVE_LIMIT, ACCEPTED_RECEIVE_LIMIT = 16 * 2 ^ 20, 64 * 2 ^ 10 -- bytes

--- Check what of opts is ours, once for all connections that get it.
--- @param accepted? boolean the connections are accepted ones
--- @return table settings
function connection.settings(where, opts, accepted)
  local high = options.bytes(where, opts, "high", 256 * 1024)
  local low = options.bytes(where, opts, "low", math.floor(high / 4))
  if low > high then misuse.got(where, "option low must be at most high", low) end
  local flags = options.flag(where, opts, "edge", false) and EDGE or 0
  return {
    flags = flags,
    high = math.min(high, 2 ^ 32 - 1), low = math.min(low, 2 ^ 32 - 1),
    limit = options.bytes(where, opts, "limit", 256 * 2 ^ 20),
    receive_limit = options.bytes(where, opts, "receive_limit",
      accepted and ACCEPTED_RECEIVE_LIMIT or RECEIVE_LIMIT),
    linger_input = options.seconds(where, opts, "linger_input") or LINGER_INPUT,
    linger_limit = options.bytes(where, opts, "linger_limit", LINGER_LIMIT),
    is_default = not (opts.high or opts.low or opts.limit or opts.receive_limit
      or opts.linger_input or opts.linger_limit),
    timeout = options.seconds(where, opts, "timeout"),
    close_timeout = options.seconds(where, opts, "close_timeout"),
    autoclose = options.flag(where, opts, "autoclose", true),
  }
end

local function set_limits(slot, generation, settings)
  C.tl_stream_limits(loop, slot, generation, settings.high, settings.low,
    settings.limit, settings.receive_limit)
  C.tl_stream_lingers(loop, slot, generation, settings.linger_input,
    settings.linger_input > 0 and settings.linger_limit or 0)
end

--- The object of an accepted stream. A connection that is closed with its handler needs no
--- help from the garbage collector.
--- @param count table what connections of a listener share, see listener.lua
function connection.accepted(slot, generation, settings, count, handler, flowing)
  if not settings.is_default then set_limits(slot, generation, settings) end
  -- built in one piece: each field added later would reallocate the table
  local self = setmetatable({
    slot = slot, generation = generation, handler = handler, count = count,
    flowing = flowing, timeout = settings.timeout,
    close_timeout = settings.close_timeout,
    id = not (flowing or settings.autoclose)
      and ffi.gc(new_id(slot, generation), ending.finalizer(count)),
  }, object.Connection)
  count.open, count.accepted = count.open + 1, count.accepted + 1
  object.all[slot] = self
  return self
end

--- A connection that is still to be made; its stream is set later.
function connection.pending(settings)
  return setmetatable({ slot = 0, generation = 0, timeout = settings.timeout,
    close_timeout = settings.close_timeout }, object.Connection)
end

--- @param stays? boolean the object never becomes garbage
function connection.equip(self, slot, generation, settings, stays)
  self.slot, self.generation = slot, generation
  if not settings.is_default then set_limits(slot, generation, settings) end
  if self.unreferenced then C.tl_stream_ref(loop, slot, generation, 0) end
  self.id = not stays and ffi.gc(new_id(slot, generation), ending.collected)
  object.all[slot] = self
end

--- The connection of one end of a pipe of ours; otherwise as of_descriptor.
--- @param sends boolean which end
function connection.of_pipe(fd, sends, settings)
  return connection.of_descriptor(fd, FILE + (sends and SEND_ONLY or RECEIVE_ONLY), settings)
end

--- The connection of a descriptor of our own.
--- @param flags integer TL_STREAM_...
--- @param settings table from connection.settings
--- @return timerlua.Connection? connection
--- @return integer? status the descriptor then still belongs to the caller
function connection.of_descriptor(fd, flags, settings)
  local id = new_id()
  local status = C.tl_stream_start(loop, id, fd, settings.flags + flags)
  if status ~= 0 then return nil, status end
  local self = connection.pending(settings)
  connection.equip(self, id.slot, id.generation, settings)
  return self
end

local function stand_in(fn, wrapper)
  return callable.stand_in(wrapper, fn)
end

--- The functions that the core calls, from a table of callbacks, and the options that they
--- imply. Raises for values that are not callbacks.
function connection.callbacks(where, handler)
  local known = {}
  for _, name in ipairs(CALLBACKS) do known[name] = true end
  for name, fn in entries(handler) do
    if not known[name] then
      misuse.got(where, "a callback must be one of " .. table.concat(CALLBACKS, ", "), name)
    end
    callable.check(where, "callback " .. name, fn)
  end
  local list = {}
  for i, name in ipairs(CALLBACKS) do
    list[i] = handler[name] and callable.plain(handler[name]) or false
  end
  local on_error, on_close = handler.error, handler.close
  if on_error then
    list[ERROR] = stand_in(on_error, function(self, status)
      local message, code = object.words(status)
      return on_error(self, message, code)
    end)
  end
  list[CLOSE] = stand_in(on_close or ending.forget, function(self, status)
    ending.forget(self)
    if not on_close then return end
    if status == 0 then return on_close(self) end
    local message, code = object.words(status)
    return on_close(self, message, code)
  end)
  list[EOF] = list[EOF] or object.Connection.close -- without eof, its end is the end
  return list, FLOWING
end

--- The callback whose place in the script stands for all of them: the site of the
--- connection.
--- @return function? callback nil when there is none
function connection.first_callback(handler)
  return handler.data or handler.open or handler.eof or handler.drain or handler.error
    or handler.close
end

--- The connection could not be made: inform its callbacks.
function connection.tell_failure(self, handler, message, code)
  if handler.error then
    errors.guard(self, handler.error, self, message, code)
  end
  if handler.close then handler.close(self, message, code) end
end

--- From here on, the connection's callbacks are called.
function connection.flow(self, list)
  anchors.set(self.slot, list, self)
end

return connection
