-- How a connection receives: the waits for its bytes, and the methods. The core has the
-- bytes.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local check = require "timerlua.core.check"
local errno = require "timerlua.core.errno"
local misuse = require "timerlua.core.misuse"
local object = require "timerlua.net.connection.object"
local string_buffer = require "timerlua.core.string_buffer"
local wait = require "timerlua.task.wait"

local C, loop = core.C, core.loop
local to_string = ffi.string
local find, sub = string.find, string.sub
local max = math.max
local Connection, check_self = object.Connection, object.check_self
local known_status, words = object.known_status, object.words
local view = ffi.new("tl_view")

local MONOTONIC = C.TL_MONOTONIC
local SOME, COUNT, LINE = C.TL_WANT_SOME, C.TL_WANT_COUNT, C.TL_WANT_LINE
local ALL, MORE, TEXT = C.TL_WANT_ALL, C.TL_WANT_MORE, C.TL_WANT_TEXT
local IN_TOTAL, AFRESH, TAKEN = C.TL_WANT_IN_TOTAL, C.TL_WANT_AFRESH, C.TL_TAKEN
local TIME_OVER, TOO_LONG = C.TL_TIME_OVER, C.TL_LINE_TOO_LONG
local EAGAIN, EBUSY, EINTR = errno.EAGAIN, errno.EBUSY, errno.EINTR
local LONGEST_STRING = 0x7fffff00 -- LJ_MAX_STR of LuaJIT

local function taken()
  return to_string(view.bytes, view.length)
end

local function take(self, want, count, text)
  return C.tl_stream_take(loop, self.slot, self.generation, want, count, text, view)
end

-- When a call with several waits has to be over; nil when each wait has its own limit.
local function end_of_call(self)
  return self.in_total and self.timeout and C.tl_now(loop, MONOTONIC) + self.timeout
end

-- Wait for the requested bytes: returns the bytes, or nil and a status. If it has to wait
-- again, it calls itself: LuaJIT compiles no function whose loop is left at once each time.
local function await(self, where, want, count, text, deadline)
  local slot, generation = self.slot, self.generation
  local kind = self.in_total and want + IN_TOTAL or want
  local limit = self.timeout
  if deadline then limit = max(0, deadline - C.tl_now(loop, MONOTONIC)) end
  local waiter = wait.begin(where, limit)
  local status = C.tl_stream_await(loop, slot, generation, kind, count, text,
    waiter.slot, waiter.generation)
  if status ~= 0 then
    wait.abandon(waiter)
    return nil, status
  end
  local data = wait.suspend(waiter)
  if type(data) == "string" then return data end
  -- the time may be over in the turn in which the bytes arrive
  status = take(self, want + AFRESH, count, text)
  if status == TAKEN then return want == MORE or taken() end
  if data == wait.loop_ended then return nil, EINTR end
  if status ~= EAGAIN then return nil, status end
  if self.timeout then return nil, TIME_OVER end
  return await(self, where, want, count, text, deadline)
end

local function obtain(self, where, want, count, text)
  local status = take(self, want, count, text)
  if status == TAKEN then return taken() end
  if status == EAGAIN then return await(self, where, want, count, text) end
  return nil, status
end

-- Bytes that arrived before the failure belong to the caller, as in LuaSocket.
local function rest(self)
  if C.tl_stream_take_rest(loop, self.slot, self.generation, view) ~= 1 then return "" end
  return taken()
end

local function missed(self, status, prefix)
  status = known_status(self, status)
  local partial = status == EBUSY and "" or rest(self)
  if status == TOO_LONG and self.count then self.count.too_long = self.count.too_long + 1 end
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

--- Wait for a line, a number of bytes, or all bytes until the peer has ended.
--- @param what? number|"*l"|"*a" default "*l": up to LF, which is removed, as is a CR
---   before it
--- @param prefix? string put before the result; its length counts
--- @return string? data
--- @return string? err "timeout", "closed", "busy", or the cause
--- @return string? partial the bytes that had arrived
--- @return string? code "ETIMEDOUT"; "EOF", "ECONNRESET", "EBADF" (closed
---   here); "EBUSY" (another task receives, or a data callback does);
---   "EMSGSIZE" (a line longer than receive_limit); "ETIME" (closed by idle_timeout)
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

--- Wait for the next bytes, in whatever number they arrive.
--- @param most? number bytes, 1 to 2147483392; default 65536
--- @return string? data at least 1 byte
--- @return string? err as for receive
--- @return string? partial as for receive
--- @return string? code as for receive
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
  if status == TAKEN then return true end
  if status ~= EAGAIN then return nil, status end
  local data
  data, status = await(self, where, MORE, held, nil, deadline)
  if data then return true end
  return nil, status
end

-- A pattern is searched for in all buffered bytes, each time bytes arrive.
local MOST_SEARCHED = 2 ^ 20 -- bytes

-- Wait for a match of a pattern with magic characters.
local function receive_until_match(self, where, pattern)
  if not pcall(find, "", pattern) then
    misuse.got(where, "pattern must be well-formed", pattern)
  end
  local held, deadline = 0, end_of_call(self)
  while true do
    local ok, status = await_more(self, where, held, deadline)
    if not ok then return missed(self, status) end
    C.tl_stream_peek(loop, self.slot, self.generation, view)
    local bytes = taken()
    local first, last = find(bytes, pattern)
    if first and last >= first then
      C.tl_stream_skip(loop, self.slot, self.generation, last)
      return sub(bytes, 1, first - 1), sub(bytes, first, last)
    end
    held = view.length
    if held > MOST_SEARCHED then return missed(self, TOO_LONG) end
  end
end

--- Wait for a match of a pattern. The pattern is searched for whenever bytes arrive, so a
--- pattern that could match more bytes matches those received so far; a match must not be
--- empty.
--- @param pattern string a Lua pattern; found within 1 MiB, unless it is plain
--- @param plain? boolean search for the text literally
--- @return string? before the bytes before the match
--- @return string? match or err, as for receive
--- @return string? partial as for receive
--- @return string? code as for receive
function Connection:receive_until(pattern, plain)
  check_self(self, "receive_until")
  local where = "connection:receive_until"
  if type(pattern) ~= "string" or pattern == "" then
    misuse.got(where, "pattern must be a string, not empty", pattern)
  end
  if plain ~= nil then check.boolean(where, "plain", plain) end
  if not plain and find(pattern, "[%^%$%(%)%%%.%[%]%*%+%-%?]") then
    return receive_until_match(self, where, pattern)
  end
  local before, status = obtain(self, where, TEXT, #pattern, pattern)
  if not before then return missed(self, status) end
  return before, pattern
end

--- Wait for bytes and append them to a string.buffer, without making a string.
--- @param buffer userdata a buffer of LuaJIT's string.buffer
--- @param most? number bytes, 1 to 2147483392; default 65536
--- @return integer? count the number of bytes appended
--- @return string? err as for receive
--- @return string? partial as for receive
--- @return string? code as for receive
function Connection:receive_into(buffer, most)
  check_self(self, "receive_into")
  local where = "connection:receive_into"
  if not string_buffer.is(buffer) then
    misuse.got(where, "buffer must be a string.buffer", buffer)
  end
  local count = most_bytes(where, most)
  while true do
    local memory, room = string_buffer.reserve(buffer, count)
    local got = C.tl_stream_take_into(loop, self.slot, self.generation, memory,
      math.min(tonumber(room), count))
    if got > 0 then
      string_buffer.commit(buffer, got)
      return got
    end
    if got ~= EAGAIN then return missed(self, got) end
    local ok, status = await_more(self, where, 0)
    if not ok then return missed(self, status) end
  end
end

--- Iterate over the lines until the connection is closed, on either side; the last line
--- before the peer's end may lack its LF.
--- @return fun(): string? next for `for line in conn:lines() do`
--- The iterator raises any other failure that ends the lines, such as a timeout.
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
