-- The values that a run passes: mostly the right ones, at times absurd ones.
local buffer = require "string.buffer"
local ffi = require "ffi"
local tl = require "timerlua"
local chance = require "chance"
local judge = require "judge"
local pool = require "pool"

local SHARE = 7 -- of absurd values, in a hundred

local values = {}

local callback -- makes a random callback; set by bodies.lua

function values.set_callback(make) callback = make end

--- A function that does something by chance.
function values.callback() return callback() end

--- A duration that is soon over, in one of its forms.
function values.short()
  return chance.of { 0, 0, 0, 1e-9, 1e-4, 0.001, 0.002, "1ms", "100us", 500000LL, 0.005, 33e-6 }
end

function values.bytes()
  return chance.of { "x", "hello\n", "a\nb\r\nc\n", "", ("z"):rep(chance.to(3000)),
    ("w"):rep(chance.to(200000)) }
end

local NUMBERS = { 0, 1, 2, 3, 10, 100, 1024, 65535, 65536, -1, -0.0, 1e-9, 0.5, 1e9, 2 ^ 31,
  2 ^ 32, 2 ^ 53, 1e300, 0 / 0, 1 / 0, -1 / 0 }

local TEXTS = { "", "x", "hello\n", "a\0b", "*l", "*a", "1ms", "-1s", "127.0.0.1:0", "[::1]:0",
  "unix:@", "unix:", ":0", "fd:3", "fd:99", "TERM", "USR1", "%", "%d+", ("y"):rep(5000),
  "\27[31m", "99999999999999999999d", "2030-02-30", "localhost:0", "r", "w", "rw", "edge",
  "send", "receive", "both", "t", "b", "\255\254" }

-- An object each of whose metamethods raises.
local function hostile()
  local function raise() error(judge.own_text "a metamethod") end
  local object = newproxy(true)
  local meta = getmetatable(object)
  for _, name in ipairs { "index", "newindex", "tostring", "call", "len", "eq", "lt", "le",
    "concat", "unm" } do
    meta["__" .. name] = raise
  end
  return object
end

local function hostile_table()
  local function raise() error(judge.own_text "a metamethod") end
  return setmetatable({}, { __index = raise, __newindex = raise, __tostring = raise,
    __len = raise, __metatable = chance.of { false, "locked" } })
end

local ABSURD = {
  function() return nil end,
  function() return chance.percent(50) end,
  function() return chance.of(NUMBERS) end,
  function() return chance.of(NUMBERS) end,
  function() return chance.of(TEXTS) end,
  function() return chance.of(TEXTS) end,
  function() return {} end,
  function() return { 1, "a", {} } end,
  function() return { [chance.of { 0, -1, 2 ^ 53, "n" }] = chance.of(NUMBERS) } end,
  function() return setmetatable({}, { __call = callback() }) end,
  function() return coroutine.create(callback()) end,
  function() return callback() end,
  function() return io.stdout end,
  function() return buffer.new():put "bytes" end,
  function() return chance.of { 5LL, -1LL, 0x7fffffffffffffffLL, 5ULL, 1i } end,
  function() return ffi.new "int[4]" end,
  function() return ffi.cast("void *", 8) end,
  function() return tl end,
  hostile, hostile_table, pool.stranger,
}

--- A value that nobody asked for.
function values.absurd()
  return chance.of(ABSURD)()
end

--- The value, or at times an absurd one.
function values.maybe(value)
  if chance.percent(SHARE) then return values.absurd() end
  return value
end

--- The same for the limit of a wait that blocks the thread where nothing can wait: the
--- absurd value is of the wrong type, not a long time.
function values.limit(value)
  local other = values.maybe(value)
  local kind = type(other)
  local is_time = kind == "number" or kind == "nil" or kind == "cdata" or kind == "string"
  return is_time and value or other
end

--- Some of these options, or nil.
function values.options(all)
  if chance.percent(40) then return values.maybe(nil) end
  local options = {}
  for _, name in ipairs(chance.sorted_keys(all)) do
    if chance.percent(25) then options[name] = values.maybe(all[name]) end
  end
  return options
end

--- Some of these callbacks, in a table.
function values.callbacks(...)
  local list = {}
  for _, name in ipairs { ... } do
    if chance.percent(50) then list[name] = values.maybe(callback()) end
  end
  return list
end

return values
