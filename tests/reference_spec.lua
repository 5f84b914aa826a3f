-- docs/reference.md is the output of packaging/reference.lua for the present comments,
-- and describes everything that is public at run time, and nothing else.
local support = require "tests.support"
local tl = require "timerlua"

local PAGE = "docs/reference.md"
local page = support.read(PAGE)

-- Methods that only timerlua itself calls: `@internal` in the sources.
local INTERNAL = { ["scope:child_failed"] = true, ["scope:child_ended"] = true,
  ["scope:abandon"] = true, ["process:disowned"] = true, ["task:wakes_at"] = true }

-- ---------------------------------------------------------------------------
-- the page

-- The entries with a heading of their own: name, arguments, and the text below.
local function entries()
  local list, entry = {}, nil
  for line in page:gmatch "([^\n]*)\n" do
    local name, arguments = line:match "^#### `([%w_.:]+)(.*)`$"
    if name then
      entry = { name = name, arguments = arguments, body = "" }
      list[#list + 1] = entry
    elseif line:find "^#" then
      entry = nil
    elseif entry then
      entry.body = entry.body .. "\n" .. line
    end
  end
  return list
end

-- The tables of fields: by the heading, the fields and their types.
local function classes()
  local found, heading = {}, nil
  for line in page:gmatch "[^\n]+" do
    heading = line:match "^### (.*)$" or heading
    local name, kind, text = line:match "^| `([%w_]+)` | (.-) | (.*) |$"
    if name then
      found[heading] = found[heading] or {}
      found[heading][name] = { type = kind, text = text }
    end
  end
  return found
end

local function fields_of(heading)
  local names = {}
  for name in pairs(assert(classes()[heading], heading)) do names[name] = true end
  return names
end

-- ---------------------------------------------------------------------------
-- public at run time

local function add_functions(names, prefix, list)
  for name, value in pairs(list) do
    local is_callable = type(value) == "table" and (getmetatable(value) or {}).__call ~= nil
    if type(value) == "function" or is_callable then names[prefix .. name] = true end
    if is_callable then add_functions(names, prefix .. name .. ".", value) end -- select.epoll
  end
end

-- An object of each class except timers, by its name on the page.
local function make_objects()
  local select, socket = require "timerlua.select", require "timerlua.socket"
  local made = {
    task = tl.spawn(function() end), channel = tl.channel(), semaphore = tl.semaphore(1),
    conn = (tl.pipe()), listener = assert(tl.listen("127.0.0.1:0", function() end)),
    udp = assert(tl.udp("127.0.0.1:0")), process = assert(tl.exec { "true" }),
    file_watch = assert(tl.on_file("/", function() end)),
    signal = assert(tl.signal("USR1", function() end)), subscription = tl.on("stop", print),
    t = assert(require("timerlua.timerfd").create(1)), p = select.poll(),
    ep = assert(select.epoll()), dp = assert(select.devpoll()), kq = assert(select.kqueue()),
    s = assert(socket.socket()), zone = tl.zone "UTC", paced = tl.debounce(1, print),
    schedule = tl.schedule("@daily", { tz = "UTC" }),
  }
  made.watch = assert(tl.watch(made.s:fileno(), "r", function() end))
  tl.scope(function(scope) made.scope = scope end)
  return made
end

local function end_objects(made)
  made.process:wait()
  for _, name in ipairs { "watch", "file_watch", "signal", "subscription" } do
    made[name]:cancel()
  end
  for _, name in ipairs { "conn", "listener", "udp", "t", "ep", "dp", "kq", "s", "channel" } do
    made[name]:close()
  end
end

local function add_methods(names, made)
  for receiver, object in pairs(made) do
    for name, value in pairs(getmetatable(object)) do
      local full = receiver .. ":" .. name
      if type(value) == "function" and not name:find "^__" and not INTERNAL[full] then
        names[full] = true
      end
    end
  end
  -- a timer's metatable is out of reach
  for name in support.read("lua/timerlua/loop/timer.lua"):gmatch "\nfunction methods%.([%w_]+)" do
    names["timer:" .. name] = true
  end
end

local MODULES = { "timerfd", "timerstack", "select", "socket", "limits" }

local function public_names(made)
  local names = { ["tl._VERSION"] = true, ["tl.stdin"] = true, ["tl.stdout"] = true,
    ["tl.stderr"] = true }
  getmetatable(tl).load_all() -- loads the functions that are loaded on first use
  add_functions(names, "tl.", tl)
  for name in pairs(tl.clock) do
    local is_method = page:find("`tl.clock:" .. name .. "(", 1, true)
    names["tl.clock" .. (is_method and ":" or ".") .. name] = true
  end
  for _, module in ipairs(MODULES) do
    add_functions(names, module .. ".", require("timerlua." .. module))
  end
  add_methods(names, made)
  return names
end

-- The options that a function accepts, according to its error message.
local function known_options(call)
  local _, message = pcall(call, { ["no such option"] = 1 })
  local names = {}
  for name in assert(message:match "one of ([%w_, ]+), got", message):gmatch "[%w_]+" do
    names[name] = true
  end
  return names
end

-- ---------------------------------------------------------------------------

describe("the reference", function()
  local made

  setup(function() made = make_objects() end)
  teardown(function() end_objects(made) end)

  it("is made from the present comments: make reference", function()
    local r = support.shell("luajit packaging/reference.lua")
    assert.equal("", r.err)
    assert.is_true(r.out == page, PAGE .. " is not what `make reference` makes")
  end)

  it("has every public function once, and no others", function()
    local told = {}
    for _, entry in ipairs(entries()) do
      assert.is_nil(told[entry.name], entry.name)
      told[entry.name] = true
    end
    assert.same(public_names(made), told)
  end)

  it("has every constant", function()
    for _, module in ipairs(MODULES) do
      local section = page:match("\n### `require \"timerlua." .. module .. "\"`\n(.-)\n#")
      local told = {}
      for name in (section:match "Constants: ([^\n]*)" or ""):gmatch "`([%w_]+)`" do
        told[name] = true
      end
      local there = {}
      for name, value in pairs(require("timerlua." .. module)) do
        if type(value) == "number" then there[name] = true end
      end
      assert.same(there, told, module)
    end
  end)

  it("gives the first release, and not a future one", function()
    local major, minor = tl._VERSION:match "^(%d+)%.(%d+)"
    for _, entry in ipairs(entries()) do
      local x, y = entry.body:match "%*Since (%d+)%.(%d+)%.%*"
      assert.is_truthy(x, entry.name)
      assert.is_true(tonumber(x) * 1000 + y <= tonumber(major) * 1000 + minor, entry.name)
    end
  end)

  it("has a type for every argument, and a text for every number", function()
    for _, entry in ipairs(entries()) do
      local is_alias = entry.body:find "^\n\nAs `" or entry.name:find "^timerstack%.%l+ttime$"
      for argument in (is_alias and "" or entry.arguments):gmatch "[%w_.]+" do
        local where = entry.name .. ": " .. argument
        local told = entry.body:match("\n%- `" .. argument:gsub("%p", "%%%0") .. "` ([^\n]+)")
        assert.is_string(told, where)
        assert.is_false(told == "number" or told == "integer", where)
      end
    end
  end)

  it("has the fields that objects have", function()
    local all = classes()
    local timer = tl.after(1000, function() end)
    made.timer = timer
    for heading, receiver in pairs { ["Timer objects"] = "timer", ["Task objects"] = "task",
      ["Connection objects"] = "conn", ["Listener objects"] = "listener",
      ["Udp objects"] = "udp", ["Process objects"] = "process", ["Watch objects"] = "watch",
      ["FileWatch objects"] = "file_watch", ["Signal objects"] = "signal",
      ["Subscription objects"] = "subscription", ["Timerfd objects"] = "t",
      ["Epoll objects"] = "ep", ["Devpoll objects"] = "dp", ["Kqueue objects"] = "kq",
      ["Socket objects"] = "s", ["Zone objects"] = "zone",
      ["Schedule objects"] = "schedule" } do
      for name, field in pairs(assert(all[heading], heading)) do
        local value = made[receiver][name] -- a timer raises for unknown fields
        local kind = field.type == "integer" and "number" or field.type
        if kind == "number" or kind == "string" or kind == "boolean" then
          assert.equal(kind, type(value), receiver .. "." .. name)
        end
      end
    end
    timer:cancel()
    made.timer = nil
  end)

  it("has the fields of counters and lists", function()
    local stats, there, late = tl.stats(), {}, {}
    for name in pairs(stats) do there[name] = true end
    for name in pairs(stats.lateness) do late[name] = true end
    assert.same(there, fields_of "Stats")
    assert.same(late, fields_of "Lateness")
    local of_rows = fields_of "Row"
    local seen = {}
    for _, row in ipairs(tl.handles()) do
      seen[row.kind] = true
      for name in pairs(row) do assert.is_true(of_rows[name], row.kind .. "." .. name) end
    end
    for _, kind in ipairs { "listener", "udp", "watch", "signal", "file_watch" } do
      assert.is_true(seen[kind], kind)
    end
  end)

  it("has the options that functions take", function()
    local forms = {
      TimerOptions = function(opts) tl.timer(opts) end,
      ScheduleOptions = function(opts) tl.schedule("@daily", opts) end,
      ResolveOptions = function(opts) tl.resolve("localhost", opts) end,
      ListenOptions = function(opts) tl.listen("127.0.0.1:0", print, opts) end,
      ConnectOptions = function(opts) tl.connect("127.0.0.1:1", opts) end,
      UdpOptions = function(opts) tl.udp(nil, nil, opts) end,
      ExecOptions = function(opts) tl.exec({ "true" }, opts) end,
      RunOptions = function(opts) tl.run({ "true" }, opts) end,
    }
    for heading, call in pairs(forms) do
      local told = fields_of(heading)
      local parent = page:match("\n### " .. heading .. "\n\nHas the fields of (%w+)")
      for name in pairs(parent and fields_of(parent) or {}) do told[name] = true end
      assert.same(known_options(call), told, heading)
    end
  end)
end)
