-- Connections: a stream socket, or a pipe or file, with LuaSocket's verbs.
-- Bytes, their queue and the descriptor are the core's; here is what waits for
-- them, and the words.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local address = require "timerlua.net.address"
local anchors = require "timerlua.core.anchors"
local callable = require "timerlua.core.callable"
local duration = require "timerlua.core.duration"
local errors = require "timerlua.core.errors"
local fileno = require "timerlua.core.fileno"
local misuse = require "timerlua.core.misuse"
local options = require "timerlua.net.options"
local timer = require "timerlua.loop.timer"
local wait = require "timerlua.task.wait"

local C, loop, new_id = core.C, core.loop, core.new_id
local to_string = ffi.string
local view = ffi.new("tl_view")
local info = ffi.new("tl_stream_info")

local SOME, COUNT, LINE, ALL, MORE = 0, 1, 2, 3, 4 -- TL_WANT_...
local IN_TOTAL, AFRESH = 16, 32                    -- TL_WANT_IN_TOTAL ...
local ROOM, SENT = 0, 1                            -- TL_AWAIT_...
local FLOWING, EDGE, FILE = 1, 2, 4                -- TL_STREAM_...
local SEND_ONLY, RECEIVE_ONLY = 0x10000, 0x20000   -- TL_STREAM_SEND_ONLY ...
local AGAIN, ALREADY, INTERRUPTED = -11, -114, -4
local TIMEDOUT, BAD_FD = -110, -9
local ALREADY_OPEN, NO_STREAM, NO_SOCKET = -17, -22, -88 -- EEXIST, EINVAL, ENOTSOCK
local NOT_CONNECTED = -4099 -- of ours: it is still being made
local LONGEST_STRING = 0x7fffff00 -- LJ_MAX_STR of LuaJIT
local CALLBACKS = { "open", "data", "drain", "eof", "error", "close" } -- TL_TELL_...
local HOWS = { receive = 0, send = 1, both = 2 }   -- TL_SHUTDOWN_...

--- @class timerlua.Connection
--- @field kind string "connection"
--- @field name string? yours to set; reports and lists show it
--- @field site string? where its handler was defined
local Connection = { kind = "connection" }

local connection = {
  kernel_options = "nodelay cork keepalive linger sndbuf rcvbuf ttl",
  kernel_defaults = { nodelay = true },
  own_options = "edge timeout high low limit receive_limit close_timeout autoclose",
}

local OWN = options.names(connection.own_options)

--- By slot, so that lists find them; the garbage collector may take them.
local all = setmetatable({}, { __mode = "v" })
connection.all = all

--- Those of descriptors 0 to 2, by number, once they are open.
connection.standard = {}

function Connection.__index(self, key)
  if key == "site" then return callable.site(self.handler) end
  return Connection[key]
end

-- ---------------------------------------------------------------------------
-- words

-- LuaSocket's words for what its callers look out for.
local WORDS = {
  [-4096] = { "closed", "EOF" },
  [-104] = { "closed", "ECONNRESET" },
  [-32] = { "closed", "EPIPE" },
  [-9] = { "closed", "EBADF" },
  [-16] = { "busy", "EBUSY" },
  [-4099] = { "not connected yet", "ENOTCONN" },            -- NOT_CONNECTED
  [-115] = { "timeout", "ETIMEDOUT" }, -- a wait's time is over: see TIME_OVER
  [INTERRUPTED] = { "the loop ended", "ECANCELED" },
  [-4097] = { "the queue's limit is reached", "ENOBUFS" },  -- TL_QUEUE_FULL
  [-4098] = { "longer than receive_limit", "EMSGSIZE" },    -- TL_LINE_TOO_LONG
  [-4100] = { "it is open for sending only", "EBADF" },     -- TL_NO_RECEIVING
  [-4101] = { "it is open for receiving only", "EBADF" },   -- TL_NO_SENDING
}
local TIME_OVER = -115

--- What a status of the core means: a word or text, and its symbolic code.
function connection.words(status)
  local words = WORDS[status]
  if words then return words[1], words[2] end
  return to_string(C.tl_error_text(status)):lower(), to_string(C.tl_error_name(status))
end

local words = connection.words

local function check_self(self, method)
  if getmetatable(self) ~= Connection then
    misuse.got("connection:" .. method,
      ("it must be called on a connection, as connection:%s()"):format(method), self)
  end
end

function Connection.__tostring(self)
  return ("timerlua.Connection: %s"):format(self:closed() and "closed"
    or self:peer() or "fd " .. tostring(self:fileno()))
end

-- ---------------------------------------------------------------------------
-- receiving

local function taken()
  return to_string(view.bytes, view.length)
end

local function take(self, want, count)
  return C.tl_stream_take(loop, self.slot, self.generation, want, count, view)
end

-- When a call of several waits has to be over; nil when each has its own time.
local function end_of_call(self)
  return self.in_total and self.timeout and C.tl_now(loop, 0) + self.timeout
end

-- Wait for what is wanted: the bytes, or nil and a status.
local function await(self, where, want, count, deadline)
  local slot, generation = self.slot, self.generation
  local kind = self.in_total and want + IN_TOTAL or want
  while true do
    local limit = self.timeout
    if deadline then limit = math.max(0, deadline - C.tl_now(loop, 0)) end
    local waiter = wait.begin(where, limit)
    local id = waiter.id
    local status = C.tl_stream_await(loop, slot, generation, kind, count, id.slot,
      id.generation)
    if status ~= 0 then
      wait.abandon(waiter)
      return nil, status
    end
    local data = wait.suspend(waiter)
    if type(data) == "string" then return data end
    -- the time may be over in the turn in which the bytes come
    status = take(self, want + AFRESH, count)
    if status == 1 then return want == MORE or taken() end
    if data == wait.loop_ended then return nil, INTERRUPTED end
    if status ~= AGAIN then return nil, status end
    if self.timeout then return nil, TIME_OVER end
  end
end

local function obtain(self, where, want, count)
  local status = take(self, want, count)
  if status == 1 then return taken() end
  if status == AGAIN then return await(self, where, want, count) end
  return nil, status
end

-- What came before it went wrong belongs to the caller, as in LuaSocket.
local function rest(self)
  if C.tl_stream_take_rest(loop, self.slot, self.generation, view) ~= 1 then return "" end
  return taken()
end

local BUSY, TOO_LONG = -16, -4098 -- EBUSY, TL_LINE_TOO_LONG

-- While it is being made, the core does not know it.
local function known_status(self, status)
  return status == BAD_FD and self.connecting and NOT_CONNECTED or status
end

local function missed(self, status, prefix)
  status = known_status(self, status)
  local partial = status == BUSY and "" or rest(self)
  local message, code = words(status)
  return nil, message, prefix and prefix .. partial or partial, code
end

local PATTERNS = { ["*l"] = LINE, l = LINE, ["*a"] = ALL, a = ALL }

local function wanted(what, prefix)
  if prefix ~= nil and type(prefix) ~= "string" then
    misuse.got("connection:receive", "prefix must be a string", prefix)
  end
  if what == nil then return LINE, 0 end
  if type(what) == "number" then
    if not (what >= 0 and what <= LONGEST_STRING) then
      misuse.got("connection:receive", ("the number of bytes must be from 0 to %d")
        :format(LONGEST_STRING), what)
    end
    return COUNT, math.max(0, math.floor(what) - (prefix and #prefix or 0))
  end
  local want = PATTERNS[what]
  if not want then
    misuse.got("connection:receive", 'what must be a number of bytes, "*l" or "*a"', what)
  end
  return want, 0
end

--- Wait for a line, a number of bytes, or all until the peer has ended.
--- @param what? number|"*l"|"*a" default "*l": up to LF, which is left out, as is
---   one CR before it
--- @param prefix? string put before the result; its length counts
--- @return string? data
--- @return string? err "timeout", "closed", "busy", or the cause
--- @return string? partial what had come
--- @return string? code "ETIMEDOUT"; "EOF", "ECONNRESET", "EBADF" (closed
---   here); "EBUSY" (another task receives, or a data callback does);
---   "EMSGSIZE" (a line longer than receive_limit)
function Connection:receive(what, prefix)
  check_self(self, "receive")
  local want, count = LINE, 0
  if what ~= nil or prefix ~= nil then want, count = wanted(what, prefix) end
  local data, status = obtain(self, "connection:receive", want, count)
  if not data then return missed(self, status, prefix) end
  if prefix then return prefix .. data end
  return data
end

local function most_bytes(where, most)
  if most == nil then return 65536 end
  if type(most) ~= "number" or not (most >= 1 and most <= LONGEST_STRING) then
    misuse.got(where, ("the number of bytes must be from 1 to %d"):format(LONGEST_STRING),
      most)
  end
  return math.floor(most)
end

--- Wait for whatever comes next.
--- @param most? number bytes, default 65536
--- @return string? data at least 1 byte; as for receive otherwise
function Connection:receive_some(most)
  check_self(self, "receive_some")
  local count = most_bytes("connection:receive_some", most)
  local data, status = obtain(self, "connection:receive_some", SOME, count)
  if not data then return missed(self, status) end
  return data
end

-- Wait until more than `held` bytes are buffered: true, or nil and a status.
local function await_more(self, where, held, deadline)
  local status = take(self, MORE, held)
  if status == 1 then return true end
  if status ~= AGAIN then return nil, status end
  local data
  data, status = await(self, where, MORE, held, deadline)
  if data then return true end
  return nil, status
end

-- A pattern is searched for in all that is held, each time something comes.
local MOST_SEARCHED = 2 ^ 20 -- bytes

-- What is held up to a text, and the text; view is all that is held, of which
-- `seen` bytes do not have it whole.
local function find_text(self, text, seen)
  local from = math.max(0, seen - #text + 1)
  local at = C.tl_stream_find(loop, self.slot, self.generation, from, text, #text)
  if at >= 0 then return to_string(view.bytes, at), text end
end

local function find_pattern(_, pattern)
  local text = taken()
  local first, last = text:find(pattern)
  if first and last >= first then return text:sub(1, first - 1), text:sub(first, last) end
end

--- Wait for a match of a pattern. It is looked for whenever something came, so
--- one that could match more bytes matches those that are there; a match must
--- have a byte.
--- @param pattern string a Lua pattern; found within 1 MiB, unless it is plain
--- @param plain? boolean take it literally
--- @return string? before what came before the match
--- @return string? match or err, partial, code as for receive
function Connection:receive_until(pattern, plain)
  check_self(self, "receive_until")
  local where = "connection:receive_until"
  if type(pattern) ~= "string" or pattern == "" then
    misuse.got(where, "pattern must be a string, not empty", pattern)
  end
  local find = find_text
  if not plain and pattern:find("[%^%$%(%)%%%.%[%]%*%+%-%?]") then
    if not pcall(string.find, "", pattern) then
      misuse.got(where, "pattern must be well-formed", pattern)
    end
    find = find_pattern
  end
  local held, deadline = 0, end_of_call(self)
  while true do
    local ok, status = await_more(self, where, held, deadline)
    if not ok then return missed(self, status) end
    C.tl_stream_peek(loop, self.slot, self.generation, view)
    local before, match = find(self, pattern, held)
    if before then
      C.tl_stream_skip(loop, self.slot, self.generation, #before + #match)
      return before, match
    end
    held = view.length
    if find == find_pattern and held > MOST_SEARCHED then return missed(self, TOO_LONG) end
  end
end

--- Wait for bytes and append them to a string.buffer, without making a string
--- of them.
--- @param buffer table a buffer of LuaJIT's string.buffer
--- @param most? number bytes, default 65536
--- @return number? count as for receive otherwise
function Connection:receive_into(buffer, most)
  check_self(self, "receive_into")
  local where = "connection:receive_into"
  if type(buffer) ~= "userdata" or not pcall(function() return buffer.reserve end) then
    misuse.got(where, "buffer must be a string.buffer", buffer)
  end
  local count = most_bytes(where, most)
  while true do
    local memory, room = buffer:reserve(count)
    local got = C.tl_stream_take_into(loop, self.slot, self.generation, memory,
      math.min(tonumber(room), count))
    if got > 0 then
      buffer:commit(got)
      return got
    end
    if got ~= AGAIN then return missed(self, got) end
    local ok, status = await_more(self, where, 0)
    if not ok then return missed(self, status) end
  end
end

--- Iterate over the lines until the connection is closed, by whom or what ever;
--- the last before the peer's end may lack its LF. Raises what else ends it,
--- such as a timeout.
function Connection:lines()
  check_self(self, "lines")
  return function()
    local line, err, partial, code = self:receive("*l")
    if line then return line end
    if code == "EOF" and partial ~= "" then return partial end
    if err == "closed" then return nil end
    error(("connection:lines: %s (%s)"):format(err, code), 2)
  end
end

-- ---------------------------------------------------------------------------
-- sending

-- Wait until the queue is short enough, or empty: true, or nil and a status.
local function await_sent(self, where, what)
  local slot, generation = self.slot, self.generation
  local deadline = self.timeout and C.tl_now(loop, 0) + self.timeout
  while true do
    local status = C.tl_stream_sent(loop, slot, generation, what)
    if status == 0 then return true end
    if status ~= AGAIN then return nil, status end
    local left = deadline and deadline - C.tl_now(loop, 0)
    if left and left <= 0 then return nil, TIME_OVER end
    local waiter = wait.begin(where, left)
    local id = waiter.id
    status = C.tl_stream_await_sent(loop, slot, generation, what, id.slot, id.generation)
    if status ~= 0 then
      wait.abandon(waiter)
      return nil, status
    end
    if wait.suspend(waiter) == wait.loop_ended then return nil, INTERRUPTED end
  end
end

local function unsent(self, status, index)
  local message, code = words(known_status(self, status))
  return nil, message, index, code
end

-- Above the high-water mark a task waits; callbacks look at queued and drain.
local function after_send(self, status, index)
  if status == 1 and not self.flowing then
    local ok
    ok, status = await_sent(self, "connection:send", ROOM)
    -- another came first and waits now; these bytes are taken all the same
    if status == BUSY then return index end
    if not ok then return unsent(self, status, index) end
  end
  return index
end

local function is_buffer(value)
  return type(value) == "userdata" and pcall(function() return value.ref end)
end

local function send_part(self, part)
  local kind = type(part)
  if kind == "string" then
    return C.tl_stream_send(loop, self.slot, self.generation, part, #part), #part
  elseif kind == "number" then
    return send_part(self, tostring(part))
  elseif is_buffer(part) then
    local memory, length = part:ref()
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

local function send_range(self, data, i, j)
  local first, last = i or 1, j or -1
  if type(first) ~= "number" or type(last) ~= "number" or first ~= first
    or last ~= last then
    misuse.got("connection:send", "i and j must be numbers",
      type(first) ~= "number" and first or last)
  end
  if first < 0 then first = math.max(1, #data + first + 1) end
  if last < 0 then last = #data + last + 1 end
  first, last = math.max(1, math.floor(first)), math.min(#data, math.floor(last))
  local count = math.max(0, last - first + 1)
  local status = C.tl_stream_send(loop, self.slot, self.generation,
    ffi.cast("const char *", data) + (first - 1), count)
  if status < 0 then return unsent(self, status, first - 1) end
  return after_send(self, status, first + count - 1)
end

--- Queue bytes. They leave when the running callback returns or its task waits,
--- with all others of that time in one system call. In a task it waits while
--- more than `high` bytes are queued.
--- @param data string|table a string, a string.buffer, or a list of them
--- @param i? integer first byte, as for string.sub
--- @param j? integer last byte
--- @return integer? index of the last byte taken
--- @return string? err "closed", "timeout", "busy", or the cause
--- @return integer? index of the last byte taken
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

--- Send what is queued now, and wait until the kernel has taken all of it.
--- @return boolean? done
--- @return string? err
--- @return string? code
function Connection:flush()
  check_self(self, "flush")
  local status = C.tl_stream_flush(loop, self.slot, self.generation)
  local ok = status == 0
  if status == AGAIN then ok, status = await_sent(self, "connection:flush", SENT) end
  if ok then return true end
  return nil, words(known_status(self, status))
end

local function state(self)
  return C.tl_stream_info_get(loop, self.slot, self.generation, info) == 0
end

--- Bytes that the kernel did not take yet.
--- @return number bytes
--- @return boolean above_high more than the high-water mark
function Connection:queued()
  check_self(self, "queued")
  if not state(self) then return 0, false end
  return info.queued, info.above_high ~= 0
end

--- Bytes received and sent so far.
--- @return table stats received, sent, queued, buffered
function Connection:stats()
  check_self(self, "stats")
  if not state(self) then return { received = 0, sent = 0, queued = 0, buffered = 0 } end
  return { received = info.received, sent = info.sent, queued = info.queued,
    buffered = info.buffered }
end

-- ---------------------------------------------------------------------------
-- ending

local CLOSE_TIMEOUT = 30 -- seconds

local function abort_late(_, slot, generation)
  C.tl_stream_abort(loop, slot, generation, TIMEDOUT)
end

local function close_stream(slot, generation, limit)
  if C.tl_stream_close(loop, slot, generation) ~= 1 then return end
  local late = timer.after(limit or CLOSE_TIMEOUT, abort_late, slot, generation)
  if not late then return end -- ENOMEM
  late:unref()
  C.tl_stream_closing(loop, slot, generation, late.slot, late.generation)
end

-- A connection that nobody has any more is closed.
local function collected(id)
  close_stream(id.slot, id.generation)
end

-- One less of those that a listener counts.
local function release(owner)
  owner.open = owner.open - 1
  local listening = owner.listener
  if listening and owner.limit == owner.open + 1 then
    -- from a fresh stack: this may be a finalizer
    if not timer.after(0, owner.below_limit, listening) then -- ENOMEM
      owner.below_limit(nil, listening)
    end
  end
end

-- An accepted connection that nobody has any more. Refers to neither the
-- connection nor what does.
local function finalizer(owner)
  return function(id)
    collected(id)
    release(owner)
  end
end

-- Its end is known: whoever counts it is told, once.
local function forget(self)
  local owner = self.owner
  if self.id then ffi.gc(self.id, nil) end
  if not owner then return end
  self.owner = nil
  release(owner)
end

--- Close once what is queued has been sent, at the latest after close_timeout.
--- Harmless when repeated.
--- @return boolean true
function Connection:close()
  check_self(self, "close")
  if self.connecting then return self.connecting() end
  close_stream(self.slot, self.generation, self.close_timeout)
  if not self.flowing then forget(self) end
  return true
end

--- A child process has its descriptor: close it here, which nobody notices.
function connection.hand_over(self)
  C.tl_stream_hand_over(loop, self.slot, self.generation)
  if not self.flowing then forget(self) end
end

--- Close at once: the peer sees a reset, what is queued is dropped.
--- @return number dropped bytes
function Connection:abort()
  check_self(self, "abort")
  if self.connecting then self.connecting() end
  local dropped = C.tl_stream_abort(loop, self.slot, self.generation, 0)
  if not self.flowing then forget(self) end
  return dropped
end

--- Whether it has been closed here, or by an error of a flowing connection.
function Connection:closed()
  check_self(self, "closed")
  return not self.connecting and (not state(self) or info.closing ~= 0)
end

--- End a direction. "send" waits until what is queued has been sent.
--- @param how? "send"|"receive"|"both" default "both", as LuaSocket
--- @return boolean? done
--- @return string? err
--- @return string? code "EALREADY" when it has been ended before
function Connection:shutdown(how)
  check_self(self, "shutdown")
  local number = HOWS[how or "both"]
  if not number then
    misuse.got("connection:shutdown", 'how must be "send", "receive" or "both"', how)
  end
  local status = C.tl_stream_shutdown(loop, self.slot, self.generation, number)
  local ok = status == 0
  if ok and number ~= 0 and not self.flowing then
    ok, status = await_sent(self, "connection:shutdown", SENT)
  end
  if ok then return true end
  if status == ALREADY then return nil, "shut down already", "EALREADY" end
  return nil, words(known_status(self, status))
end

-- A callback of it failed: it cannot be trusted to go on.
local function give_up_failed(self)
  if self.flowing then self:close() end
end

-- ---------------------------------------------------------------------------
-- settings and questions

--- How long receive and send may wait.
--- @param limit? number|string|ffi.cdata* nil or a negative number: no limit
--- @param mode? "b"|"t" "b", the default: anew whenever bytes come; "t": for
---   the whole call
--- @return integer 1, as LuaSocket
function Connection:settimeout(limit, mode)
  check_self(self, "settimeout")
  if mode ~= nil and mode ~= "b" and mode ~= "t" then
    misuse.got("connection:settimeout", 'mode must be "b" or "t"', mode)
  end
  if type(limit) == "number" and limit < 0 then limit = nil end
  if limit ~= nil then
    limit = tonumber(duration.to_ns("connection:settimeout", "limit", limit)) / 1e9
  end
  self.timeout, self.in_total = limit, mode == "t"
  return 1
end

--- Stop reading, and go on with it: data callbacks come, and the peer's bytes
--- stay in the kernel meanwhile.
function Connection:pause()
  check_self(self, "pause")
  C.tl_stream_pause(loop, self.slot, self.generation, 1)
  return self
end

function Connection:resume()
  check_self(self, "resume")
  C.tl_stream_pause(loop, self.slot, self.generation, 0)
  return self
end

--- Let the loop end although this is open; and the opposite.
function Connection:unref()
  check_self(self, "unref")
  self.unreferenced = true
  C.tl_stream_ref(loop, self.slot, self.generation, 0)
  return self
end

function Connection:ref()
  check_self(self, "ref")
  self.unreferenced = nil
  C.tl_stream_ref(loop, self.slot, self.generation, 1)
  return self
end

--- The descriptor; nil when it is closed. It stays the connection's.
--- @return integer?
function Connection:fileno()
  check_self(self, "fileno")
  return state(self) and info.fd >= 0 and info.fd or nil
end

-- The address, or nil and a status.
local function own_address(self)
  local result = ffi.new("tl_address")
  if not state(self) or info.fd < 0 then return nil, BAD_FD end
  local status = C.tl_socket_name(info.fd, 0, result)
  if status == 0 then return result end
  return nil, status
end

local function peer_address(self)
  local result = ffi.new("tl_address")
  local status = C.tl_stream_peer(loop, self.slot, self.generation, result)
  if status == 0 then return result end
  return nil, status
end

--- The peer's address, such as "127.0.0.1:80".
--- @return string? address nil when it is not known any more
--- @return string? message
--- @return string? code "ENOTCONN", "EBADF" (closed); "ENOTSOCK": a pipe or a file
function Connection:peer()
  check_self(self, "peer")
  local found, status = peer_address(self)
  if found then return address.text(found) end
  if self.known_peer then return self.known_peer end
  return nil, words(status)
end

--- The own address.
--- @return string? address or nil, message, code as for peer
function Connection:sock()
  check_self(self, "sock")
  local found, status = own_address(self)
  if found then return address.text(found) end
  return nil, words(status)
end

--- LuaSocket's forms of the two.
--- @return string? ip
--- @return integer? port
function Connection:getpeername()
  check_self(self, "getpeername")
  local found = peer_address(self)
  if not found then return nil, "closed" end
  return address.host_port(found)
end

function Connection:getsockname()
  check_self(self, "getsockname")
  local found = own_address(self)
  if not found then return nil, "closed" end
  return address.host_port(found)
end

--- Set or read an option of the socket: nodelay, cork, keepalive, linger, ttl,
--- sndbuf, rcvbuf.
--- @return boolean? done
--- @return string? err
--- @return string? code
function Connection:setoption(name, value)
  check_self(self, "setoption")
  local fd = self:fileno()
  if not fd then return nil, "closed", "EBADF" end
  local status = options.set("connection:setoption", fd, name, value)
  if status == 0 then return true end
  return nil, words(status)
end

function Connection:getoption(name)
  check_self(self, "getoption")
  local fd = self:fileno()
  if not fd then return nil, "closed", "EBADF" end
  local value, status = options.get("connection:getoption", fd, name)
  if value == nil then return nil, words(status) end
  return value
end

--- TCP_CORK: hold back partial packets, and let them go.
function Connection:cork()
  check_self(self, "cork")
  return self:setoption("cork", true)
end

function Connection:uncork()
  check_self(self, "uncork")
  self:flush()
  return self:setoption("cork", false)
end

-- ---------------------------------------------------------------------------
-- making

--- Check what of opts is ours, once for all connections that get it.
--- @return table settings
function connection.settings(where, opts)
  local high = options.bytes(where, opts, "high", 256 * 1024)
  local low = options.bytes(where, opts, "low", math.floor(high / 4))
  if low > high then misuse.got(where, "option low must be at most high", low) end
  local flags = options.flag(where, opts, "edge", false) and EDGE or 0
  return {
    flags = flags,
    high = math.min(high, 2 ^ 32 - 1), low = math.min(low, 2 ^ 32 - 1),
    limit = options.bytes(where, opts, "limit", 256 * 2 ^ 20),
    receive_limit = options.bytes(where, opts, "receive_limit", 16 * 2 ^ 20),
    is_default = not (opts.high or opts.low or opts.limit or opts.receive_limit),
    timeout = options.seconds(where, opts, "timeout"),
    close_timeout = options.seconds(where, opts, "close_timeout"),
    autoclose = options.flag(where, opts, "autoclose", true),
  }
end

local function set_limits(slot, generation, settings)
  C.tl_stream_limits(loop, slot, generation, settings.high, settings.low,
    settings.limit, settings.receive_limit)
end

--- The object of a stream that was accepted. One that is closed with its
--- handler needs no help of the garbage collector.
--- @param owner table open: how many there are; limit; below_limit, called
---   with listener when there is room again
function connection.accepted(slot, generation, settings, owner, handler, flowing)
  if not settings.is_default then set_limits(slot, generation, settings) end
  -- made in one piece: each field added later would make the table anew
  local self = setmetatable({
    slot = slot, generation = generation, handler = handler, owner = owner,
    flowing = flowing, timeout = settings.timeout,
    close_timeout = settings.close_timeout,
    id = not (flowing or settings.autoclose)
      and ffi.gc(new_id(slot, generation), finalizer(owner)),
  }, Connection)
  owner.open = owner.open + 1
  all[slot] = self
  return self
end

--- One that is still to be made; then it is told what it is.
function connection.pending(settings)
  return setmetatable({ slot = 0, generation = 0, timeout = settings.timeout,
    close_timeout = settings.close_timeout }, Connection)
end

--- @param stays? boolean it is never garbage
function connection.equip(self, slot, generation, settings, stays)
  self.slot, self.generation = slot, generation
  if not settings.is_default then set_limits(slot, generation, settings) end
  if self.unreferenced then C.tl_handle_ref(loop, slot, generation, 0) end
  self.id = not stays and ffi.gc(new_id(slot, generation), collected)
  all[slot] = self
end

--- The connection of one end of a pipe of ours; otherwise as of_descriptor.
--- @param sends boolean which end
function connection.of_pipe(fd, sends, settings)
  return connection.of_descriptor(fd, FILE + (sends and SEND_ONLY or RECEIVE_ONLY), settings)
end

local DIRECTIONS = { r = RECEIVE_ONLY, w = SEND_ONLY, rw = 0 }

-- Make it non-blocking: the flags that the core is to be given for it, or nil
-- and a status.
local function inherit(fd, direction)
  local listening = ffi.new("int[1]")
  if C.tl_descriptor_taken(loop, fd) ~= 0 then return nil, ALREADY_OPEN end
  local kind = C.tl_socket_inherit(fd, listening)
  if kind == 0 and listening[0] == 0 then return DIRECTIONS[direction] end
  if kind >= 0 then return nil, NO_STREAM end
  if kind ~= NO_SOCKET then return nil, kind end
  local reads, writes = direction ~= "w", direction ~= "r"
  local status = C.tl_file_inherit(fd, reads and 1 or 0, writes and 1 or 0)
  if status ~= 0 then return nil, status end
  return DIRECTIONS[direction] + FILE
end

--- The connection of a descriptor of our own.
--- @param flags integer TL_STREAM_...
--- @param settings table of connection.settings
--- @return timerlua.Connection? connection
--- @return integer? status the descriptor is still the caller's then
function connection.of_descriptor(fd, flags, settings)
  local id = new_id()
  local status = C.tl_stream_start(loop, id, fd, settings.flags + flags)
  if status ~= 0 then return nil, status end
  local self = connection.pending(settings)
  connection.equip(self, id.slot, id.generation, settings)
  return self
end

--- Take over a descriptor: a socket, a pipe, a terminal, a file. It becomes
--- non-blocking and close-on-exec, and is closed with the connection.
--- @param where string the public function, for errors
--- @param fd integer
--- @param direction "r"|"w"|"rw" what the connection is for; verbs of the other
---   one answer "EBADF"
--- @param opts? table connection.own_options
--- @return timerlua.Connection? connection
--- @return string? message the descriptor is still the caller's then
--- @return string? code "EBADF" (closed, or not open for that), "EEXIST"
---   (another connection has it), "EINVAL" (no stream), "ENOMEM"
function connection.from_fd(where, fd, direction, opts)
  local settings = connection.settings(where, options.check(where, opts, OWN))
  fileno.check_own(where, fd)
  local flags, status = inherit(fd, direction)
  local self
  if flags then self, status = connection.of_descriptor(fd, flags, settings) end
  if self then return self end
  return errors.failed(("%s fd %d"):format(where, fd), status)
end

local function stand_in(fn, wrapper)
  return callable.stand_in(wrapper, fn)
end

--- The functions that the core calls, from a table of callbacks; raises for
--- what is none. And the options that they mean.
function connection.callbacks(where, handler)
  local known = {}
  for _, name in ipairs(CALLBACKS) do known[name] = true end
  for name, fn in pairs(handler) do
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
    list[5] = stand_in(on_error, function(self, status)
      local message, code = words(status)
      return on_error(self, message, code)
    end)
  end
  list[6] = stand_in(on_close or forget, function(self, status)
    forget(self)
    if not on_close then return end
    if status == 0 then return on_close(self) end
    local message, code = words(status)
    return on_close(self, message, code)
  end)
  list[4] = list[4] or Connection.close -- without eof, its end is the end
  return list, FLOWING
end

--- It could not be made: its callbacks are told.
function connection.tell_failure(self, handler, message, code)
  if handler.error then
    errors.guard(self, handler.error, self, message, code)
  end
  if handler.close then handler.close(self, message, code) end
end

--- From here on a connection's callbacks are called.
function connection.flow(self, list)
  anchors.set(self.slot, list, self)
end

errors.follow_up("connection", give_up_failed)

return connection
