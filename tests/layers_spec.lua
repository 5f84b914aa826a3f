-- The house: which folder may use which, and who may touch the system.
local support = require "tests.support"

-- Lowest first. A file may use its own folder and those before it, and the
-- headers that stand in runtime/ itself. Folders in one place do not know each
-- other.
local C_ORDER = { "base", "store sys", "loop", "net", "lua", "embed app" }

-- Known, and to go: the loop asks each kind of socket by its name.
local C_EXCEPTIONS = { ["loop/loop.c"] = "net", ["loop/stats.c"] = "net" }

-- lua.h is for these.
local USES_LUA = { lua = true, embed = true, app = true }
local LUA_HEADERS = { lua = true, lauxlib = true, lualib = true, luajit = true, luaconf = true }

-- Told everything, call nothing.
local PURE = { "base", "store" }
local ASKS_THE_CLOCK = { ["base/clock"] = true, ["base/remaining"] = true }

local function files(command)
  local r = support.shell(command)
  assert.equal("", r.err)
  local paths = {}
  for path in r.out:gmatch("%S+") do paths[#paths + 1] = path end
  assert.is_true(#paths > 0, command)
  return paths
end

local function c_files() return files("find runtime -name '*.[ch]' | sort") end
local function lua_files() return files("find lua/timerlua -name '*.lua' | sort") end

local function below_runtime(path) return (path:gsub("^runtime/", "")) end
local function folder_of(path) return path:match("^([^/]+)/") or "" end

local function without_comments(path)
  return (support.read(path):gsub("/%*.-%*/", " "):gsub("//[^\n]*", ""))
end

local function places(order)
  local place = {}
  for i, folders in ipairs(order) do
    for folder in folders:gmatch("%S+") do place[folder] = i end
  end
  return place
end

-- Whether a file in one folder may use one in another.
local function may_use(place, user, used)
  if user == used then return true end
  return place[user] ~= nil and place[used] ~= nil and place[used] < place[user]
end

-- Files in the build's folder, which no folder of runtime/ has.
local GENERATED = { ["abi_text.h"] = "lua/module.c", ["lua_modules.h"] = "lua/bundle.c" }

describe("the folders of runtime/", function()
  local place = places(C_ORDER)

  it("are all in an order", function()
    for _, path in ipairs(c_files()) do
      local folder = folder_of(below_runtime(path))
      assert.truthy(folder == "" or place[folder], path)
    end
  end)

  it("use those before them, never those after", function()
    local wrong, seen = {}, 0
    for _, path in ipairs(c_files()) do
      local file = below_runtime(path)
      for used in support.read(path):gmatch('#%s*include%s+"([^"]+)"') do
        seen = seen + 1
        local folder = folder_of(used)
        local allowed = folder == "" or may_use(place, folder_of(file), folder)
          or C_EXCEPTIONS[file] == folder
        if GENERATED[used] then allowed = GENERATED[used] == file end
        if not allowed then wrong[#wrong + 1] = path .. " includes " .. used end
      end
    end
    assert.is_true(seen > 100)
    assert.same({}, wrong)
  end)

  it("name every header of theirs by its folder", function()
    for _, path in ipairs(c_files()) do
      for used in support.read(path):gmatch('#%s*include%s+"([^"]+)"') do
        assert.truthy(GENERATED[used] or io.open("runtime/" .. used), path .. " includes " .. used)
      end
    end
  end)

  it("leave Lua to lua/ and what stands on it", function()
    for _, path in ipairs(c_files()) do
      for header in support.read(path):gmatch("#%s*include%s*<([%w]+)%.h>") do
        assert.truthy(not LUA_HEADERS[header] or USES_LUA[folder_of(below_runtime(path))],
          path .. " includes " .. header)
      end
    end
  end)

  -- The poller, and what hands the kernel's own descriptors to scripts.
  local DESCRIPTORS = {
    ["loop/poller.c"] = "epoll timerfd eventfd signalfd",
    ["sys/timerfd.c"] = "timerfd",
    ["sys/epoll.c"] = "epoll",
    ["sys/pollset.c"] = "epoll",
    ["sys/kqueue/kqueue.c"] = "epoll eventfd",
    ["sys/kqueue/ready.c"] = "epoll",
    ["sys/kqueue/taking.c"] = "epoll",
    ["sys/kqueue/carriers.c"] = "timerfd signalfd",
  }

  it("leave epoll, timerfd, eventfd and signalfd to the poller and few others", function()
    for _, path in ipairs(c_files()) do
      local code, used = without_comments(path), {}
      for _, word in ipairs { "epoll", "timerfd", "eventfd", "signalfd" } do
        if code:find("<sys/" .. word .. ".h>", 1, true)
          or code:find("%f[%w_]" .. word .. "_%a%w*%s*%(")
          or code:find("%f[%w_]" .. word .. "%s*%(") then
          used[#used + 1] = word
        end
      end
      assert.equal(DESCRIPTORS[below_runtime(path)] or "", table.concat(used, " "), path)
    end
  end)
end)

describe("the pure folders", function()
  local ALLOWED = { ctype = true, errno = true, math = true, stdbool = true, stddef = true,
    stdint = true, stdio = true, stdlib = true, string = true, stdatomic = true }

  local function pure_names()
    local names = {}
    for _, folder in ipairs(PURE) do
      for _, path in ipairs(files("ls runtime/" .. folder .. "/*.[ch]")) do
        local name = below_runtime(path):gsub("%.%a$", "")
        if not ASKS_THE_CLOCK[name] then names[path] = name end
      end
    end
    return names
  end

  it("include no header of the system's", function()
    for path in pairs(pure_names()) do
      for header in support.read(path):gmatch("#%s*include%s*<([%w_/]+)%.h>") do
        assert.truthy(ALLOWED[header], path .. " includes " .. header)
      end
    end
  end)

  if not support.sanitized then
    it("call nothing of the system but memory", function()
      local LIBC = { malloc = true, calloc = true, realloc = true, free = true, qsort = true,
        abort = true, fprintf = true, stderr = true, fwrite = true, memcmp = true,
        memchr = true, memcpy = true, strerrordesc_np = true, strerrorname_np = true,
        memset = true, memmove = true, strlen = true, __ctype_b_loc = true,
        __stack_chk_fail = true, ceil = true, ldexp = true, _GLOBAL_OFFSET_TABLE_ = true }
      for path, name in pairs(pure_names()) do
        if path:find("%.c$") then
          local r = support.shell(("nm --undefined-only %s/obj/%s.o"):format(support.build, name))
          assert.equal("", r.err)
          for symbol in r.out:gmatch("U ([%w_]+)") do
            assert.truthy(LIBC[symbol] or symbol:find("^tl_"), name .. ".o calls " .. symbol)
          end
        end
      end
    end)

    -- Sections that hold what changes; .data.rel.ro is constant once linked.
    local MUTABLE = { [".data"] = true, [".bss"] = true, [".tdata"] = true,
      [".tbss"] = true, ["*COM*"] = true, [".data.rel"] = true, [".data.rel.local"] = true }
    -- A signal handler has no other way to its loop.
    local VARIABLES = { ["app/main.o stopping"] = true, ["app/main.o signalled_loop"] = true }

    it("and all others but main.c have no variables of their own", function()
      local wrong, allowed = {}, {}
      for _, path in ipairs(files(("find %s/obj -name '*.o'"):format(support.build))) do
        local file = path:sub(#support.build + #"/obj/" + 1)
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

local function name_of(path)
  return path:match("([^/]+)%.%a+$")
end

local function layer_of(layers)
  local level = {}
  for i, layer in ipairs(layers) do
    for _, name in ipairs(layer) do level[name] = i end
  end
  return level
end

local function may_require(layers, level, user, used)
  if user == used then return true end
  if not (level[user] and level[used]) then return false end
  return level[used] < level[user]
    or (level[used] == level[user] and layers[level[user]].together == true)
end

local function lua_arrows()
  local arrows = {}
  for _, path in ipairs(lua_files()) do
    local code = support.read(path):gsub("%-%-[^\n]*", "")
    for used in code:gmatch("require%s*%(?%s*[\"']timerlua([%w_.]*)[\"']") do
      arrows[#arrows + 1] = { path = path, user = name_of(path),
        used = used == "" and "init" or used:sub(2) }
    end
  end
  return arrows
end

describe("the Lua modules", function()
  local level = layer_of(LUA_LAYERS)

  it("are each in a layer", function()
    for _, path in ipairs(lua_files()) do
      assert.truthy(level[name_of(path)], path .. " is in no layer")
    end
  end)

  it("require what is below them, never what is above", function()
    local arrows, wrong = lua_arrows(), {}
    assert.is_true(#arrows > 20)
    for _, a in ipairs(arrows) do
      local allowed = a.used == "core" and a.user == "ffi"
        or a.user ~= a.used and may_require(LUA_LAYERS, level, a.user, a.used)
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
    for _, path in ipairs(lua_files()) do
      local declares = support.read(path):gsub("%-%-[^\n]*", ""):find("cdef", 1, true) ~= nil
      assert.equal(name_of(path) == "ffi", declares, path)
    end
  end)

  it("write no globals", function()
    for _, path in ipairs(lua_files()) do
      local r = support.shell("luajit -bl " .. path)
      assert.equal("", r.err)
      assert.truthy(r.out:find("RET", 1, true), path)
      -- but for what an embedding program takes from the script, and gives it
      local allowed = ({ embedding = true, restrict = true })[name_of(path)]
      assert.is_true(allowed or r.out:match("GSET[^\n]*") == nil, path)
    end
  end)
end)
