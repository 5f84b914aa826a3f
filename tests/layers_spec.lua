-- The house: which folder may use which, and which files may use the system.
local support = require "tests.support"

-- Lowest first. A file may use its own folder and those before it, and the
-- headers that stand in runtime/ itself. Folders in one place do not know each
-- other.
local C_ORDER = { "base", "store sys calendar", "loop", "net", "lua", "embed app" }

-- lua.h is for these.
local USES_LUA = { lua = true, embed = true, app = true }
local LUA_HEADERS = { lua = true, lauxlib = true, lualib = true, luajit = true, luaconf = true }

-- Folders that get everything as arguments and call nothing.
local PURE = { "base", "store", "calendar" }
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

  it("leave Lua to lua/ and the folders above it", function()
    for _, path in ipairs(c_files()) do
      for header in support.read(path):gmatch("#%s*include%s*<([%w]+)%.h>") do
        assert.truthy(not LUA_HEADERS[header] or USES_LUA[folder_of(below_runtime(path))],
          path .. " includes " .. header)
      end
    end
  end)

  -- The poller, and what hands the kernel's own descriptors and numbers to scripts.
  local DESCRIPTORS = {
    ["loop/poller_epoll.c"] = "epoll timerfd eventfd signalfd",
    ["sys/timerfd.c"] = "timerfd",
    ["sys/constants.c"] = "epoll timerfd",
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

describe("the poller", function()
  local OWN = { ["loop/poller.h"] = true, ["loop/poller.c"] = true,
    ["loop/poller_epoll.c"] = true }

  it("is reached by its verbs, and nothing reaches inside", function()
    local inside = 0
    for _, path in ipairs(c_files()) do
      local code = without_comments(path):gsub("#include[^\n]*", "")
      local reaches = code:match("poller%.[%a_][%w_]*") or code:match("poller%->[%a_][%w_]*")
      if OWN[below_runtime(path)] then
        inside = inside + (reaches and 1 or 0)
      else
        assert.is_nil(reaches, path)
      end
    end
    assert.equal(3, inside) -- so the pattern finds the uses that exist
  end)
end)

describe("the pure folders", function()
  local ALLOWED = { ctype = true, errno = true, math = true, stdbool = true, stddef = true,
    stdint = true, stdio = true, stdlib = true, string = true, stdatomic = true,
    cpuid = true } -- the last is the compiler's

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
        memchr = true, memcpy = true, memmem = true, memset = true, memmove = true, strcmp = true,
        strlen = true, __ctype_b_loc = true,
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

    -- Sections that hold variable data; .data.rel.ro is constant once linked.
    local MUTABLE = { [".data"] = true, [".bss"] = true, [".tdata"] = true,
      [".tbss"] = true, ["*COM*"] = true, [".data.rel"] = true, [".data.rel.local"] = true }
    -- A signal handler has no other way to its loop.
    local VARIABLES = { ["app/main.o stopping"] = true, ["app/main.o signalled_owner"] = true,
      ["app/main.o grace"] = true }

    it("and all others except main.c have no variables of their own", function()
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

-- ---------------------------------------------------------------------------

-- The same for lua/timerlua/. The files that stand in it are public: they are used by
-- each other and by app/ only, but init by app/ only, and use the folders that they need.
local LUA_ORDER = { "core", "task", "loop", "net calendar", "system", "byhand", "app" }
local USED_BY_PUBLIC = {
  init = "core task loop net calendar system app",
  limits = "core",
  select = "core byhand",
  socket = "core task net byhand",
  timerfd = "core task byhand",
  timerstack = "",
  version = "",
}

-- The folders that a module of ours uses: the file's path below lua/timerlua, and the
-- bindings of the modules that it requires.
local function required_by(path)
  local code = support.read(path):gsub("%-%-[^\n]*", "")
  local used, bound = {}, {}
  for _, verb in ipairs { "require", "later%.load" } do
    for name in code:gmatch(verb .. "%s*%(?%s*[\"']timerlua([%w_.]*)[\"']") do
      if name ~= "." then used[#used + 1] = name:sub(2) end -- "timerlua." .. module
    end
  end
  -- those that init.lua loads when they are asked for
  for name in (code:match "\nlocal LATER = (%b{})" or ""):gmatch '"([%w_.]+)"' do
    used[#used + 1] = name
  end
  local binding = "local ([%w_]+) = require%s*%(?%s*[\"']timerlua([%w_.]*)[\"']"
  for variable, name in code:gmatch(binding) do
    bound[variable] = name
  end
  return used, bound, code
end

local function lua_folder(name) return name:match("^(%l+)%.") or "" end

describe("the tree in docs/design.md", function()
  it("has every folder of the house", function()
    local tree = support.read("docs/design.md"):match("```text\n(.-)\n```")
    local r = support.shell("find runtime lua/timerlua -mindepth 1 -type d; ls -d */")
    for path in r.out:gmatch("%S+") do
      local name = path:match("([^/]+)/?$") .. "/"
      assert.truthy(tree:find(name, 1, true) or name == "build/", path)
    end
  end)
end)

describe("the folders of lua/timerlua/", function()
  local place = places(LUA_ORDER)

  local function allowed(user, used)
    if used == "core" then return user == "core.ffi" end -- the core itself, in C
    local from, to = lua_folder(user), lua_folder(used)
    if from == "" and to == "" then return used ~= "" end
    if from == "" then return (USED_BY_PUBLIC[user] .. " "):find(to .. " ", 1, true) ~= nil end
    if to == "" then return from == "app" end
    return may_use(place, from, to)
  end

  local function name_of(path)
    return (path:gsub("^lua/timerlua/", ""):gsub("%.lua$", ""):gsub("/", "."))
  end

  it("are all in an order", function()
    for _, path in ipairs(lua_files()) do
      local folder = lua_folder(name_of(path))
      assert.truthy(folder == "" or place[folder], path)
    end
  end)

  it("use those before them, never those after", function()
    local wrong, seen = {}, 0
    for _, path in ipairs(lua_files()) do
      for _, used in ipairs((required_by(path))) do
        seen = seen + 1
        if not allowed(name_of(path), used) then
          wrong[#wrong + 1] = path .. " requires " .. used
        end
      end
    end
    assert.is_true(seen > 100)
    assert.same({}, wrong)
  end)

  -- The field that a line of code assigns to in a module that it requires, or that the
  -- file has required as `bound`: "wait.adopt"; nil if there is none.
  local function set_by(line, bound)
    local inline, field = line:match("require%s*%(?%s*[\"']timerlua%.?([%w_.]*)[\"']%s*%)?"
      .. "([.%[][%w_.%[%]\"']*)[^=]*=[^=]")
    if inline and not line:match("^%s*local ") then return inline .. field end
    local variable
    variable, field = line:match("^%s*function ([%w_]+)[.:]([%w_.]+)")
    if not variable then
      variable, field = line:match("^%s*([%w_]+)%.([%w_.]+)[%w_.,%s]*=[^=]")
    end
    if not variable then variable, field = line:match("^%s*([%w_]+)(%[.-%]) =[^=]") end
    return variable and bound[variable] and variable .. "." .. field or nil
  end

  it("set no fields of other modules, which have functions for that", function()
    local found = {}
    for _, path in ipairs(lua_files()) do
      local _, bound, code = required_by(path)
      for line in code:gmatch("[^\n]+") do
        local what = set_by(line, bound)
        if what then found[#found + 1] = name_of(path) .. " sets " .. what end
      end
    end
    assert.same({}, found)
  end)

  it("are seen to set fields, in any spelling", function()
    local bound = { wait = "task.wait", core = "core.ffi" }
    for line, what in pairs {
      ["function wait.adopt(co)"] = "wait.adopt",
      ["  wait.ended = self"] = "wait.ended",
      ["core.dispatcher.hooks.output = tell"] = "core.dispatcher.hooks.output",
      ["wait[name] = 5"] = "wait.[name]",
      ['require "timerlua.system.process".adopt = refuse()'] = "system.process.adopt",
      ['require("timerlua.task.wait").on_cut, x = f, g'] = "task.wait.on_cut",
      ["  require 'timerlua.task.wait'['on_cut'] = f"] = "task.wait['on_cut']",
      ['local wait = require "timerlua.task.wait"'] = false,
      ["local adopted = wait.adopt"] = false,
      ["if wait.ended == self then"] = false,
      ["other.adopt = 5"] = false,
    } do
      assert.equal(what or nil, set_by(line, bound), line)
    end
  end)

  it("declare C in ffi.lua only", function()
    for _, path in ipairs(lua_files()) do
      local declares = support.read(path):gsub("%-%-[^\n]*", ""):find("cdef", 1, true) ~= nil
      assert.equal(name_of(path) == "core.ffi", declares, path)
    end
  end)

  it("write no globals", function()
    for _, path in ipairs(lua_files()) do
      local r = support.shell("luajit -bl " .. path)
      assert.equal("", r.err)
      assert.truthy(r.out:find("RET", 1, true), path)
      -- except for the globals that an embedding program takes from the script, and
      -- gives it
      local may = ({ ["app.embedding"] = true, ["app.restrict"] = true })[name_of(path)]
      assert.is_true(may or r.out:match("GSET[^\n]*") == nil, path)
    end
  end)
end)
