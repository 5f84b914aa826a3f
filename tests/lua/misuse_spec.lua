-- C10: every public function, given values of the wrong type and absurd ones. The functions
-- are those of docs/reference.md, so a new one is covered as soon as it is public.
--
-- A misuse is told at once, at the caller's line, by the function's name, the rule and the
-- value; a value of a type that the page does not name for an argument is a misuse. Values
-- that are accepted cause no error inside timerlua later.

local buffer = require "string.buffer"
local reference = require "tests.support.reference"
local tl = require "timerlua"

local LINE = debug.getinfo(1, "l").currentline + 2
local function call(fn, ...)
  local one, two, three = fn(...)
  return one, two, three
end
local HERE = "tests/lua/misuse_spec.lua:" .. LINE .. ": "

local BY_CHANCE = "a metamethod of the script"

-- ---------------------------------------------------------------------------
-- the values, and the types that admit each of them

local function hostile()
  local object = newproxy(true)
  local meta = getmetatable(object)
  for _, name in ipairs { "index", "newindex", "tostring", "call", "len", "eq", "concat" } do
    meta["__" .. name] = function() error(BY_CHANCE, 0) end
  end
  return object
end

local function hostile_table()
  local function raise() error(BY_CHANCE, 0) end
  return setmetatable({}, { __index = raise, __newindex = raise, __tostring = raise,
    __metatable = "locked" })
end

local function nothing() end

-- For each value its maker, and words of types.
local VALUES = {
  ["nil"] = { function() return nil end, "nil any" },
  ["true"] = { function() return true end, "boolean any" },
  ["false"] = { function() return false end, "boolean any" },
  NaN = { function() return 0 / 0 end, "any" },
  inf = { function() return 1 / 0 end, "any" },
  ["-1"] = { function() return -1 end, "number integer Moment any" },
  ["0.5"] = { function() return 0.5 end, "number Duration Instant Moment any" },
  ["2^53"] = { function() return 2 ^ 53 end, "number integer any" },
  ["empty text"] = { function() return "" end, "string any" },
  text = { function() return "x" end, "string any" },
  ["long text"] = { function() return ("long\n\0"):rep(2000) end, "string any" },
  table = { function() return {} end, "table list Callbacks Options any" },
  ["list of odd values"] = { function() return { 1, "a", {}, false } end,
    "table list Callbacks Options any" },
  ["function"] = { function() return nothing end, "function any" },
  ["5LL"] = { function() return 5LL end, "cdata Duration Instant Moment Moment any" },
  ["5i"] = { function() return 5i end, "any" },
  scope = { function()
    local made
    tl.scope(function(scope) made = scope end)
    return made
  end, "table any" },
  file = { function() return io.tmpfile() end, "file Descriptor userdata any" },
  ["buffer"] = { function() return buffer.new():put "bytes" end, "userdata any" },
  ["closed file"] = { function()
    local file = io.tmpfile()
    file:close()
    return file
  end, "any" },
  ["ended task"] = { function()
    local task = tl.spawn(nothing)
    task:join()
    return task
  end, "table any" },
  ["ended timer"] = { function()
    local timer = tl.after(1, nothing)
    timer:cancel()
    return timer
  end, "any" },
  coroutine = { function() return coroutine.create(nothing) end, "any" },
  ["hostile object"] = { hostile, "function any" }, -- it has a __call
  ["hostile table"] = { hostile_table, "any table" },
}

local NAMES = {}
for name in pairs(VALUES) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

local function admits(argument, name)
  local kind = argument.type
  if kind == "" then return true end -- told by another page
  if argument.name == "data" and kind:find "string" then -- numbers are sent as their text
    return type(VALUES[name][1]()) == "number" or VALUES[name][2]:find "string" ~= nil
      or name == "buffer" or kind:find "table" ~= nil and VALUES[name][2]:find "table" ~= nil
  end
  if argument.name == "limit" and name == "-1" then return true end -- none
  if argument.name == "changelist" then kind = "list function table" end
  if kind:find "^`fun" then kind = "function" end
  if kind:find "`\"" then kind = kind .. " string" end
  kind = kind:gsub("%w+Options", "Options"):gsub("`string%[%]`", "list"):gsub("`file%*`", "file")
  if name == "nil" and argument.optional then return true end
  for word in VALUES[name][2]:gmatch "%a+" do
    if kind:find("%f[%a]" .. word .. "%f[%A]") then return true end
  end
  return false
end

-- ---------------------------------------------------------------------------
-- right values, for the arguments before and after the odd one

local RIGHT_TYPES = { { "Duration", 0 }, { "Instant", 0 }, { "Moment", 0 },
  { "Address", "127.0.0.1:0" },
  { "Descriptor", function() return io.tmpfile() end }, { "Options", nothing },
  { "fun", function() return nothing end }, { "boolean", true }, { "string", "x" },
  { "list", function() return {} end }, { "integer", 1 }, { "number", 1 }, { "any", 1 } }

local RIGHT = {
  ["tl.timer.options"] = function() return { after = 1, fn = nothing } end,
  ["tl.watch.interest"] = "r", ["tl.on.event"] = "reload", ["tl.signal.names"] = "USR1",
  ["tl.notify.what"] = "ready", ["tl.schedule.text"] = "@daily", ["tl.resolve.name"] = "127.0.0.1",
  ["tl.exec.argv"] = function() return { "true" } end,
  ["tl.run.argv"] = function() return { "true" } end,
  ["conn:setoption.name"] = "nodelay", ["conn:getoption.name"] = "nodelay",
  ["conn:receive.what"] = 1, ["conn:receive_into.buffer"] = function() return buffer.new() end,
  ["udp:setoption.name"] = "ttl", ["udp:setoption.value"] = 1, ["udp:getoption.name"] = "ttl",
  ["udp:setsockname.ip"] = "127.0.0.1", ["udp:setpeername.ip"] = "127.0.0.1",
  ["udp:sendto.ip"] = "127.0.0.1", ["udp:send.to"] = "127.0.0.1:9",
  ["udp:connect.addr"] = "127.0.0.1:9", ["udp:join.group"] = "239.1.2.3",
  ["udp:leave.group"] = "239.1.2.3", ["process:kill.signal"] = 0,
}

local function right(fn, argument)
  local value = RIGHT[fn.name .. "." .. argument.name]
  if value == nil then
    for _, row in ipairs(RIGHT_TYPES) do
      if argument.type:find(row[1], 1, true) then
        value = row[2]
        break
      end
    end
  end
  if type(value) == "function" then return value() end
  return value
end

-- ---------------------------------------------------------------------------
-- functions, and objects for methods

local modules = { tl = tl, clock = tl.clock }
for _, name in ipairs { "timerfd", "timerstack", "select", "socket", "limits" } do
  modules[name] = require("timerlua." .. name)
end

local MAKERS = {
  timer = function() return tl.after(1000, nothing) end,
  paced = function() return tl.debounce(1000, nothing) end,
  task = function() return tl.spawn(nothing) end,
  scope = function()
    local made
    tl.scope(function(scope) made = scope end)
    return made
  end,
  channel = function() return tl.channel(1) end,
  semaphore = function() return tl.semaphore(1) end,
  conn = function() return (tl.socketpair { timeout = 0.001 }) end,
  listener = function() return tl.listen("127.0.0.1:0", nothing) end,
  udp = function() return tl.udp("127.0.0.1:0", nil, { timeout = 0.001 }) end,
  process = function() return tl.exec({ "true" }, { stdin = "null", stdout = "null" }) end,
  watch = function() return tl.watch(modules.timerfd.create(1), "r", nothing) end,
  file_watch = function() return tl.on_file("/", nothing) end,
  signal = function() return tl.signal("USR1", nothing) end,
  subscription = function() return tl.on("reload", nothing) end,
  t = function() return modules.timerfd.create(1, modules.timerfd.TFD_NONBLOCK) end,
  p = function() return modules.select.poll() end,
  ep = function() return modules.select.epoll() end,
  dp = function() return modules.select.devpoll() end,
  kq = function() return modules.select.kqueue() end,
  zone = function() return tl.zone "UTC" end,
  schedule = function() return tl.schedule("@daily", { tz = "UTC" }) end,
  s = function()
    local socket = modules.socket.socket()
    socket:settimeout(0)
    return socket
  end,
}

-- The function, and the object if it is a method.
local function resolve(name)
  local receiver, method = name:match "^([%w_.]+):([%w_]+)$"
  if receiver then
    local object = receiver == "tl.clock" and tl.clock or assert(MAKERS[receiver], receiver)()
    return object[method], object, method
  end
  local value, last = modules, nil
  for part in name:gmatch "[%w_]+" do value, last = value[part], part end
  return value, nil, last
end

local function finish(object)
  local kind = type(object)
  if kind ~= "table" and kind ~= "cdata" then return end
  for _, name in ipairs { "cancel", "abort", "close" } do
    local ok, method = pcall(function() return object[name] end)
    if ok and type(method) == "function" then
      pcall(method, object)
    end
  end
end

-- ---------------------------------------------------------------------------
-- what a call did

-- These would end or change the test itself.
local SKIPPED = {
  ["tl.stop"] = true, ["tl.clock.virtual"] = true, ["limits.nofile"] = true,
  ["timerfd.close"] = true, -- of any descriptor
}

local found

local function fault(where, text, ...)
  found[#found + 1] = where .. ": " .. text:format(...)
end

local function judge_error(where, method, err)
  if type(err) ~= "string" then return fault(where, "raised a %s", type(err)) end
  local message = err:match("^" .. HERE:gsub("%p", "%%%0") .. "(.*)")
  if not message then
    if err:find(BY_CHANCE, 1, true) == 1 then return end -- the script's own, unchanged
    return fault(where, "not at the caller's line: %s", err:sub(1, 160))
  end
  local name = message:match "^timerlua%.([%w_.:]+): "
  if not name or name:match "[%w_]+$" ~= method then
    return fault(where, "does not name the function: %s", message:sub(1, 160))
  end
end

local function judge(where, fn, method, must_raise, ...)
  local ok, one, two, three = pcall(tl.timeout, 0.02, call, fn, ...)
  if not ok then return judge_error(where, method, one) end
  if must_raise then
    fault(where, "accepted: %s, %s, %s", tostring(one), tostring(two), tostring(three))
  end
  finish(one)
  finish(two)
end

-- The arguments of a call with an odd value at one place.
local function arguments_with(fn, place, odd)
  local list = {}
  for i, argument in ipairs(fn.arguments) do
    if i == place then list[i] = odd else list[i] = right(fn, argument) end
  end
  return list
end

local function try(fn, place, name)
  local value, object, method = resolve(fn.name)
  local list = arguments_with(fn, place, VALUES[name][1]())
  local where = ("%s, %s = %s"):format(fn.name, fn.arguments[place].name, name)
  local must_raise = not admits(fn.arguments[place], name)
  if object then
    judge(where, value, method, must_raise, object, unpack(list, 1, #fn.arguments))
    finish(object)
  else
    judge(where, value, method, must_raise, unpack(list, 1, #fn.arguments))
  end
end

local function try_objects(fn)
  local value, object, method = resolve(fn.name)
  for _, name in ipairs(NAMES) do
    local is_descriptor = fn.name:find "^t:" and VALUES[name][2]:find "Descriptor"
      and method ~= "detach"
    local is_own = name:find(fn.name:match "^[%w_]+") ~= nil
    judge(("%s on %s"):format(fn.name, name), value, method, not is_own and not is_descriptor,
      VALUES[name][1](),
      unpack(arguments_with(fn, 0), 1, #fn.arguments))
  end
  finish(object)
end

local function try_ended(fn)
  local value, object, method = resolve(fn.name)
  finish(object)
  judge(fn.name .. " on an ended object", value, method, false, object,
    unpack(arguments_with(fn, 0), 1, #fn.arguments))
end

-- ---------------------------------------------------------------------------

describe("C10: misuse", function()
  before_each(function() found = {} end)

  -- Run a test as a task; nothing may be reported later, either.
  local function run(test)
    local subscription = tl.on("error", function(err)
      local ok, text = pcall(tostring, err)
      text = ok and text or "an error without a text"
      if text ~= BY_CHANCE then fault("later", "%s", text:sub(1, 200)) end
    end)
    local task = tl.spawn(test)
    task:join()
    tl.sleep(0.002)
    subscription:cancel()
    if task.status == "failed" then fault("the test", "failed") end
    assert.equal("", table.concat(found, "\n"))
  end

  for _, fn in ipairs(reference.functions()) do
    if not SKIPPED[fn.name] then
      it("of " .. fn.name .. " is told", function()
        run(function()
          for place in ipairs(fn.arguments) do
            for _, name in ipairs(NAMES) do try(fn, place, name) end
          end
        end)
      end)

      if fn.name:find ":" then
        it("of the object of " .. fn.name .. " is told", function()
          run(function()
            try_objects(fn)
            try_ended(fn)
          end)
        end)
      end
    end
  end
end)
