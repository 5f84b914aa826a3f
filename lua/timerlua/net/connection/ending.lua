-- How a connection ends: closed by the script or as garbage, at once or after the queued
-- bytes have been sent.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local errno = require "timerlua.core.errno"
local errors = require "timerlua.core.errors"
local misuse = require "timerlua.core.misuse"
local object = require "timerlua.net.connection.object"
local sending = require "timerlua.net.connection.sending"
local timer = require "timerlua.loop.timer"

local C, loop = core.C, core.loop
local Connection, check_self = object.Connection, object.check_self
local known_status, words = object.known_status, object.words

local EALREADY = errno.EALREADY
local SENT = C.TL_AWAIT_SENT
local HOWS = { receive = C.TL_SHUTDOWN_RECEIVE, send = C.TL_SHUTDOWN_SEND,
  both = C.TL_SHUTDOWN_BOTH }
local CLOSE_TIMEOUT = 30 -- seconds

local ending = {}

local function close_late(_, slot, generation)
  C.tl_stream_close_late(loop, slot, generation)
end

local function close_stream(slot, generation, limit)
  if C.tl_stream_close(loop, slot, generation) == 0 then return end
  local late = timer.after(limit or CLOSE_TIMEOUT, close_late, slot, generation)
  if not late then return close_late(nil, slot, generation) end -- ENOMEM
  late:unref()
  C.tl_stream_closing(loop, slot, generation, late.slot, late.generation)
end

--- Close a connection that has become garbage.
function ending.collected(id)
  close_stream(id.slot, id.generation)
end

-- One connection less for the listener that counts it.
local function release(count)
  count.open = count.open - 1
  local listening = count.listener
  if listening and count.limit == count.open + 1 then
    -- from a fresh stack: this may be a finalizer
    if not timer.after(0, count.below_limit, listening) then -- ENOMEM
      count.below_limit(nil, listening)
    end
  end
end

--- The same for an accepted connection, whose listener counts it. Refers neither to the
--- connection nor to anything that refers to the connection.
function ending.finalizer(count)
  return function(id)
    ending.collected(id)
    release(count)
  end
end

local function uncount(self)
  local count = self.count
  if not count then return end
  self.count = nil
  release(count)
end

-- The connection's end is known: inform the listener that counts it, once.
local function forget(self)
  if self.id then ffi.gc(self.id, nil) end
  uncount(self)
end

ending.forget = forget

--- The core has closed an accepted connection because it was idle, and keeps the record
--- until the script lets go of the connection.
function ending.expired(self)
  if self.flowing then return end -- its callbacks are informed
  if self.id then ffi.gc(self.id, ending.collected) end
  uncount(self)
end

--- Close the connection once the queued bytes have been sent, at the latest after
--- close_timeout. Harmless when repeated.
--- @return boolean closed true
function Connection:close()
  check_self(self, "close")
  if self.connecting then return self.connecting() end
  close_stream(self.slot, self.generation, self.close_timeout)
  if not self.flowing then forget(self) end
  return true
end

--- A child process has the descriptor: close it here, without any effect on the peer.
function ending.hand_over(self)
  C.tl_stream_hand_over(loop, self.slot, self.generation)
  if not self.flowing then forget(self) end
end

--- Close the connection at once: the peer sees a reset, and the queued bytes are dropped.
--- @return number dropped bytes
function Connection:abort()
  check_self(self, "abort")
  if self.connecting then self.connecting() end
  local dropped = C.tl_stream_abort(loop, self.slot, self.generation, 0)
  if not self.flowing then forget(self) end
  return dropped
end

--- End a direction. "send" waits until the queued bytes have been sent.
--- @param how "send"|"receive"|"both"|nil default "both", as in LuaSocket
--- @return boolean? done true
--- @return string? err
--- @return string? code "EALREADY" when the direction had ended before; otherwise as for
---   send
function Connection:shutdown(how)
  check_self(self, "shutdown")
  if how == nil then how = "both" end
  local number = HOWS[how]
  if not number then
    misuse.got("connection:shutdown", 'how must be "send", "receive" or "both"', how)
  end
  local status = C.tl_stream_shutdown(loop, self.slot, self.generation, number)
  local ok = status == 0
  if ok and how ~= "receive" and not self.flowing then
    ok, status = sending.await(self, "connection:shutdown", SENT)
  end
  if ok then return true end
  if status == EALREADY then return nil, "shut down already", "EALREADY" end
  return nil, words(known_status(self, status))
end

-- One of the connection's callbacks failed: the connection cannot be trusted to go on.
local function give_up_failed(self)
  if self.flowing then self:close() end
end

errors.follow_up("connection", give_up_failed)

return ending
