-- The layers: who may use whom, and who may touch the system.
local support = require "tests.support"

-- Lowest first. A file may use its own header and the layers below its own;
-- within a layer marked together, its peers too.
local C_LAYERS = {
  { "abi", "check", "deadline", "remaining", "timerlua", "ring" },
  { "error", "duration", "address", "lookup", "histogram", "heap", "wheel", "clock",
    "buffer", "framing", "socket", "plain", "file", "manager", "pid_file", "epoll", "pollset",
    "timerfd", "limits", "inotify", "process", "group" },
  { together = true, "kqueue", "kqueue_ready", "kqueue_vnode", "kqueue_carriers",
    "kqueue_taking" },
  { "handles", "poller", "resolver_ares", "resolver_thread", "values" },
  { "timers", "natives" },
  { "state" },
  { "outside", "posts" },
  { "descriptor", "borrowed" },
  { "handle", "jumps" },
  { "waiter" },
  { "timer", "watch", "signals", "time", "stream", "port", "readiness" },
  { "stats", "sending", "receiving", "listener", "datagram", "standard" },
  { "loop" },
  { together = true, "callbacks", "finalizers" },
  { "deliver", "hosted", "memory" },
  { "dispatch" },
  { "module" },
  { "bundle" },
  { "host", "runtime" },
  { "main", "running", "load", "call", "handlers" },
}
local GENERATED = { abi_text = { module = true }, lua_modules = { bundle = true },
  timerlua_abi = { abi = true } }

local LUA_LAYERS = {
  { "ffi", "version" },
  { "misuse", "nearest", "owner" },
  { "anchors", "waiters", "socket_file", "file_links", "signame", "fileno", "signal_claims" },
  { "duration", "address" },
  { "callable", "instant" },
  { "events" },
  { "errors" },
  { "wait" },
  { "rethrow", "limit", "fair" },
  { "timer", "task", "watch", "timeout", "channel", "semaphore", "options", "readiness" },
  { "clock", "resolver", "scope", "signal", "notify", "epoll_set", "timerfd", "limits",
    "file_events", "select_kevent", "process" },
  { "stop", "reload", "file_watch" },
  { "connection", "endpoints", "select_epoll", "poll_wait", "timerstack", "select_kqueue" },
  { "connect", "listener", "udp", "pipe", "standard", "socket", "select_poll",
    "select_select", "exec" },
  { "select_devpoll" },
  { "collect", "inspect", "select" },
  { "init", "output", "restrict" },
  { "program", "embedding" }, -- what the host runs, beside the scripts
}

local USES_LUA = { host = true, callbacks = true, finalizers = true, dispatch = true,
  module = true, bundle = true, runtime = true, running = true, load = true, call = true,
  values = true, memory = true }
local LUA_HEADERS = { lua = true, lauxlib = true, lualib = true, luajit = true, luaconf = true }
local PURE = { "handles", "heap", "wheel", "timers", "histogram", "duration",
  "buffer", "framing", "ring", "natives" }

local function files(pattern)
  local r = support.shell("ls " .. pattern)
  assert.equal("", r.err)
  local paths = {}
  for path in r.out:gmatch("%S+") do paths[#paths + 1] = path end
  assert.is_true(#paths > 0, pattern)
  return paths
end

local function name_of(path)
  return path:match("([^/]+)%.%a+$")
end

local function without_comments(path)
  return (support.read(path):gsub("/%*.-%*/", " "):gsub("//[^\n]*", ""))
end

local function layer_of(layers)
  local level = {}
  for i, layer in ipairs(layers) do
    for _, name in ipairs(layer) do level[name] = i end
  end
  return level
end

local function may_use(layers, level, user, used)
  if user == used then return true end
  if not (level[user] and level[used]) then return false end
  return level[used] < level[user]
    or (level[used] == level[user] and layers[level[user]].together == true)
end

local function c_arrows()
  local arrows = {}
  for _, path in ipairs(files("runtime/*.c runtime/*.h")) do
    for used in support.read(path):gmatch('#%s*include%s+"([^"]+)"') do
      arrows[#arrows + 1] = { path = path, user = name_of(path), used = name_of(used) }
    end
  end
  return arrows
end

local function lua_arrows()
  local arrows = {}
  for _, path in ipairs(files("lua/timerlua/*.lua")) do
    local code = support.read(path):gsub("%-%-[^\n]*", "")
    for used in code:gmatch("require%s*%(?%s*[\"']timerlua([%w_.]*)[\"']") do
      arrows[#arrows + 1] = { path = path, user = name_of(path),
        used = used == "" and "init" or used:sub(2) }
    end
  end
  return arrows
end

describe("the layers of the core", function()
  local level = layer_of(C_LAYERS)

  it("name every file", function()
    for _, path in ipairs(files("runtime/*.c runtime/*.h")) do
      local name = name_of(path)
      assert.truthy(level[name] or GENERATED[name], path .. " is in no layer")
    end
  end)

  it("use what is below them, never what is above", function()
    local arrows = c_arrows()
    assert.is_true(#arrows > 20)
    local wrong = {}
    for _, a in ipairs(arrows) do
      local allowed = GENERATED[a.used]
      if allowed then allowed = allowed[a.user]
      else allowed = may_use(C_LAYERS, level, a.user, a.used) end
      if not allowed then wrong[#wrong + 1] = a.path .. " includes " .. a.used end
    end
    assert.same({}, wrong)
  end)

  it("leave Lua to the host and the dispatcher", function()
    local users = {}
    for _, path in ipairs(files("runtime/*.c runtime/*.h")) do
      for header in support.read(path):gmatch("#%s*include%s*<([%w]+)%.h>") do
        if LUA_HEADERS[header] then users[name_of(path)] = true end
      end
    end
    assert.same(USES_LUA, users)
  end)

  -- The poller, and what hands the kernel's own descriptors to scripts.
  local DESCRIPTORS = {
    poller = "epoll timerfd eventfd signalfd",
    timerfd = "timerfd",
    epoll = "epoll",
    pollset = "epoll",
    kqueue = "epoll eventfd",
    kqueue_ready = "epoll",
    kqueue_taking = "epoll",
    kqueue_carriers = "timerfd signalfd",
  }

  it("leave epoll, timerfd, eventfd and signalfd to the poller and few others", function()
    for _, path in ipairs(files("runtime/*.c runtime/*.h")) do
      local code, used = without_comments(path), {}
      for _, word in ipairs { "epoll", "timerfd", "eventfd", "signalfd" } do
        if code:find("<sys/" .. word .. ".h>", 1, true)
          or code:find("%f[%w_]" .. word .. "_%a%w*%s*%(")
          or code:find("%f[%w_]" .. word .. "%s*%(") then
          used[#used + 1] = word
        end
      end
      local own = path:find("%.c$") and DESCRIPTORS[name_of(path)] or ""
      assert.equal(own, table.concat(used, " "), path)
    end
  end)
end)

describe("the pure files", function()
  local ALLOWED = { ctype = true, errno = true, math = true, stdbool = true, stddef = true,
    stdint = true, stdio = true, stdlib = true, string = true }

  it("include no header of the system's", function()
    for _, name in ipairs(PURE) do
      for _, path in ipairs(files(("runtime/%s.*"):format(name))) do
        for header in support.read(path):gmatch("#%s*include%s*<([%w_/]+)%.h>") do
          assert.truthy(ALLOWED[header], path .. " includes " .. header)
        end
      end
    end
  end)

  if not support.sanitized then
    it("call nothing of the system but memory", function()
      local LIBC = { malloc = true, calloc = true, realloc = true, free = true, qsort = true,
        abort = true, fprintf = true, stderr = true, fwrite = true, memcmp = true,
        memchr = true, memcpy = true,
        memset = true, memmove = true, strlen = true, __ctype_b_loc = true,
        __stack_chk_fail = true, ceil = true, ldexp = true, _GLOBAL_OFFSET_TABLE_ = true }
      for _, name in ipairs(PURE) do
        local r = support.shell(("nm --undefined-only %s/obj/%s.o"):format(support.build, name))
        assert.equal("", r.err)
        for symbol in r.out:gmatch("U ([%w_]+)") do
          assert.truthy(LIBC[symbol] or symbol:find("^tl_"), name .. ".o calls " .. symbol)
        end
      end
    end)

    -- Sections that hold what changes; .data.rel.ro is constant once linked.
    local MUTABLE = { [".data"] = true, [".bss"] = true, [".tdata"] = true,
      [".tbss"] = true, ["*COM*"] = true, [".data.rel"] = true, [".data.rel.local"] = true }
    -- A signal handler has no other way to its loop.
    local VARIABLES = { ["main.o stopping"] = true, ["main.o signalled_loop"] = true }

    it("and all others but main.c have no variables of their own", function()
      local wrong, allowed = {}, {}
      for _, path in ipairs(files(support.build .. "/obj/*.o")) do
        local file = path:match("[^/]+$")
        local r = support.shell("objdump -t " .. path)
        assert.equal("", r.err)
        for line in r.out:gmatch("[^\n]+") do
          local section, size, name = line:match("(%S+)\t(%x+)%s+(%S+)$")
          if section and MUTABLE[section] and name:sub(1, 1) ~= "."
            and tonumber(size, 16) > 0 then
            local key = file .. " " .. name:gsub("%.%d+$", "")
            if VARIABLES[key] then allowed[key] = true else wrong[#wrong + 1] = key end
          end
        end
      end
      assert.same({}, wrong)
      assert.same(VARIABLES, allowed)
    end)
  end
end)

describe("the Lua modules", function()
  local level = layer_of(LUA_LAYERS)

  it("are each in a layer", function()
    for _, path in ipairs(files("lua/timerlua/*.lua")) do
      assert.truthy(level[name_of(path)], path .. " is in no layer")
    end
  end)

  it("require what is below them, never what is above", function()
    local arrows, wrong = lua_arrows(), {}
    assert.is_true(#arrows > 20)
    for _, a in ipairs(arrows) do
      local allowed = a.used == "core" and a.user == "ffi"
        or a.user ~= a.used and may_use(LUA_LAYERS, level, a.user, a.used)
      if not allowed then wrong[#wrong + 1] = a.path .. " requires " .. a.used end
    end
    assert.same({}, wrong)
  end)

  it("do not require the module itself, but for what a host runs", function()
    for _, a in ipairs(lua_arrows()) do
      if a.user ~= "program" and a.user ~= "embedding" then
        assert.not_equal("init", a.used, a.path)
      end
    end
  end)

  it("declare C in ffi.lua only", function()
    for _, path in ipairs(files("lua/timerlua/*.lua")) do
      local declares = support.read(path):gsub("%-%-[^\n]*", ""):find("cdef", 1, true) ~= nil
      assert.equal(name_of(path) == "ffi", declares, path)
    end
  end)

  it("write no globals", function()
    for _, path in ipairs(files("lua/timerlua/*.lua")) do
      local r = support.shell("luajit -bl " .. path)
      assert.equal("", r.err)
      assert.truthy(r.out:find("RET", 1, true), path)
      -- but for what an embedding program takes from the script, and gives it
      local allowed = ({ embedding = true, restrict = true })[name_of(path)]
      assert.is_true(allowed or r.out:match("GSET[^\n]*") == nil, path)
    end
  end)
end)
