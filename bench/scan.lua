-- The end of a request's headers, searched for in bytes that have arrived:
-- scan.lua WAY
-- WAY: memmem, of C, which gives a position; memmem-string, which makes a
-- string of the headers too; find, string.find of LuaJIT, on one string of
-- eight requests; receive_until and receive (lines), on a connection.
-- No two requests are the same, so the strings are new. ns for a request of
-- 198 bytes, as curl's, and of 439, as a browser's: medians of ROUNDS times
-- EIGHT requests, by the clock, without receiving them from the kernel.

local ffi = require "ffi"
local tl = require "timerlua"

ffi.cdef "void *memmem(const void *bytes, size_t length, const void *text, size_t size);"

local ROUNDS, EIGHT = 20000, 8
local END = "\r\n\r\n"
local results = {} -- kept here, or LuaJIT would make none

local function request_of(length, number)
  local lines = ("GET /%07d HTTP/1.1\r\nHost: www.example.com\r\nAccept: */*\r\n"):format(number)
  while #lines < length - 45 do
    lines = lines .. "Accept-Encoding: gzip, deflate, br\r\n"
  end
  return lines .. "X: " .. ("x"):rep(length - #lines - 3 - #END) .. END
end

local function eight_of(length, round)
  local list = {}
  for i = 1, EIGHT do list[i] = request_of(length, round * EIGHT + i) end
  return table.concat(list)
end

local ways = {}

local function by_memmem(makes_string)
  return function(bytes)
    local at, left = ffi.cast("const char *", bytes), #bytes
    local start = tl.now()
    for i = 1, EIGHT do
      local length = ffi.cast("const char *", ffi.C.memmem(at, left, END, #END)) - at
      if makes_string then results[i] = ffi.string(at, length) end
      at, left = at + length + #END, left - length - #END
    end
    local spent = tl.now() - start
    assert(left == 0 and (not makes_string or #results == EIGHT))
    return spent
  end
end

ways.memmem = by_memmem(false)
ways["memmem-string"] = by_memmem(true)

function ways.find(bytes)
  local find, from = string.find, 1
  local start = tl.now()
  for _ = 1, EIGHT do
    local _, stop = find(bytes, END, from, true)
    from = stop + 1
  end
  local spent = tl.now() - start
  assert(from == #bytes + 1)
  return spent
end

-- A pair of connections: all of a round is buffered once its first byte is.
local ours, theirs

local function connect()
  local listener = assert(tl.listen("127.0.0.1:0", function(conn) theirs = conn end,
    { autoclose = false }))
  ours = assert(tl.connect(listener:sock()))
  repeat tl.sleep(0) until theirs
  listener:close()
end

local function by_connection(take)
  return function(bytes)
    if not ours then connect() end
    assert(ours:send("!" .. bytes))
    assert(ours:flush())
    assert(theirs:receive(1))
    local start = tl.now()
    for i = 1, EIGHT do results[i] = take(theirs) end
    local spent = tl.now() - start
    assert(theirs:stats().buffered == 0 and #results == EIGHT)
    return spent
  end
end

ways.receive_until = by_connection(function(conn)
  return (conn:receive_until(END, true))
end)

ways.receive = by_connection(function(conn)
  local line, last
  repeat line, last = conn:receive("*l"), line until line == ""
  return last
end)

local function measure(way, length)
  local spent = {}
  for round = 1, ROUNDS do spent[round] = way(eight_of(length, round)) end
  table.sort(spent)
  return spent[ROUNDS / 2] * 1e9 / EIGHT
end

local way = ways[arg[1]]
for _, length in ipairs { 198, 439 } do
  print(("ns_%d %.4g"):format(length, measure(way, length)))
end
if ours then
  ours:close()
  theirs:close()
end
