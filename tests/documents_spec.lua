-- The README and docs/ do what they say. Their code blocks are run:
--   ```lua          by the program, in virtual time; must exit 0
--   ```lua real     the same in real time
--   ```lua luajit   by a plain luajit, as installed by make install
--   ```lua fails    must exit 1; what is compared has standard error, too
--                   (each is example.lua, and "hello" is its standard input)
--   ```c            compiled against what make install puts elsewhere, and run
--   ```sh run       in the root of the project, with the build first in PATH
-- A ```text block that follows with only blank lines between is what is
-- printed; in it, a line "..." stands for any lines. Other blocks are not run.
local support = require "tests.support"
local tl = require "timerlua"

local FLAGS = {
  lua = { real = true, luajit = true, fails = true },
  c = {},
  sh = { run = true },
  text = {},
}

local MADE = "docs/reference.md" -- from comments; reference_spec.lua is about it

local function documents()
  local paths = { "README.md" }
  local pipe = assert(io.popen("find docs -name '*.md' | LC_ALL=C sort"))
  for path in pipe:lines() do paths[#paths + 1] = path end
  pipe:close()
  return paths
end

-- The documents written by hand.
local function written()
  local paths = {}
  for _, path in ipairs(documents()) do
    if path ~= MADE then paths[#paths + 1] = path end
  end
  return paths
end

local function lines_of(text)
  local lines = {}
  for line in (text:gsub("\n$", "") .. "\n"):gmatch("(.-)\n") do
    lines[#lines + 1] = line
  end
  return lines
end

local function new_block(info, where)
  local words = {}
  for word in info:gmatch("%S+") do words[#words + 1] = word end
  local block = { kind = words[1], flags = {}, where = where, lines = {} }
  for i = 2, #words do block.flags[words[i]] = true end
  return block
end

-- The fenced blocks of a document; a text block that follows one directly
-- becomes its `expected`.
local function blocks_of(path)
  local blocks, block, last = {}, nil, nil
  for number, line in ipairs(lines_of(support.read(path))) do
    local info = line:match("^```(.*)$")
    if block and info == "" then
      if block.kind == "text" and last then last.expected = block.lines end
      last, block = block, nil
      blocks[#blocks + 1] = last
    elseif block then
      table.insert(block.lines, line)
    elseif info then
      block = new_block(info, path .. ":" .. number)
    elseif line:find("%S") then
      last = nil
    end
  end
  return blocks
end

-- Whether lines[i..] match expected[k..], "..." being any lines.
local function matches(lines, i, expected, k)
  if expected[k] == nil then return lines[i] == nil end
  if expected[k] == "..." then
    for j = i, #lines + 1 do
      if matches(lines, j, expected, k + 1) then return true end
    end
    return false
  end
  return lines[i] == expected[k] and matches(lines, i + 1, expected, k + 1)
end

local function compare(block, out)
  if not block.expected or matches(lines_of(out), 1, block.expected, 1) then return end
  assert.equal(table.concat(block.expected, "\n") .. "\n", out, block.where)
end

local folder -- of the installation and of the examples

local function in_folder(command)
  return ("cd %s && %s"):format(support.quote(folder), command)
end

-- The module path of a plain luajit is compiled in, so the tests set it, in the same
-- form, for a folder of their own.
local function luajit()
  local lua = folder .. "/usr/local/share/lua/5.1/?"
  return ("LD_PRELOAD=%s LUA_PATH=%s LUA_CPATH=%s luajit"):format(
    support.quote(os.getenv("SANITIZER_PRELOAD") or ""),
    support.quote(lua .. ".lua;" .. lua .. "/init.lua"),
    support.quote(folder .. "/usr/local/lib/lua/5.1/?.so"))
end

local function run_lua(block)
  support.write(folder .. "/example.lua", table.concat(block.lines, "\n") .. "\n")
  local flags = block.flags
  local command = flags.luajit and luajit()
    or support.program .. (flags.real and "" or " --virtual-time")
  local result = support.shell(in_folder("echo hello | " .. command .. " example.lua"
    .. (flags.fails and " 2>&1" or "")), { timeout = 20 })
  assert.equal("", result.err, block.where)
  assert.equal(flags.fails and 1 or 0, result.code, block.where .. "\n" .. result.out)
  compare(block, result.out)
end

local function run_c(block)
  support.write(folder .. "/example.c", table.concat(block.lines, "\n") .. "\n")
  local lib = folder .. "/usr/local/lib"
  local command = ("PKG_CONFIG_PATH=%s/pkgconfig; export PKG_CONFIG_PATH; "
    .. "cc -Wall -Wextra -Werror %s example.c $(pkg-config --cflags --libs timerlua) -o example "
    .. "&& LD_LIBRARY_PATH=%s ./example"):format(lib,
    support.sanitized and "-fsanitize=address,undefined" or "", lib)
  local result = support.shell(in_folder(command), { timeout = 60 })
  assert.equal("", result.err, block.where)
  assert.equal(0, result.code, block.where)
  compare(block, result.out)
end

local function run_sh(block)
  local settings = ("PATH=%s:$PATH; DESTDIR=%s; NO_INSTALL=1; "
    .. "export PATH DESTDIR NO_INSTALL; unset MAKEFLAGS MAKELEVEL MFLAGS; set -e\n")
    :format(support.quote(support.build), support.quote(folder))
  local result = support.shell(settings .. table.concat(block.lines, "\n"),
    { timeout = 300 })
  assert.equal("", result.err, block.where)
  assert.equal(0, result.code, block.where .. "\n" .. result.out)
  compare(block, result.out)
end

local function text_of(paths)
  local texts = {}
  for i, path in ipairs(paths) do texts[i] = support.read(path) end
  return table.concat(texts, "\n")
end

local function is_mentioned(text, name)
  return text:find(name:gsub("%p", "%%%0") .. "%f[^%w_]") ~= nil
end

-- Fields and methods of an object, as its module defines them.
local function defined_in(path, pattern)
  local names = {}
  for name in support.read(path):gmatch(pattern) do names[#names + 1] = name end
  assert.is_true(#names > 0, path)
  return names
end

describe("the documents' code", function()
  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    assert.equal(0, support.shell("mkdir " .. folder).code)
    local result = support.shell(("unset MAKEFLAGS MAKELEVEL MFLAGS; "
      .. "NO_INSTALL=1 make install DESTDIR=%s PREFIX=/usr/local"):format(folder),
      { timeout = 300 })
    assert.equal(0, result.code, result.err)
  end)

  teardown(function()
    support.shell("rm -rf " .. support.quote(folder))
  end)

  for _, path in ipairs(documents()) do
    for _, block in ipairs(blocks_of(path)) do
      if block.kind == "lua" then
        it("runs as " .. block.where .. " says", function() run_lua(block) end)
      elseif block.kind == "c" then
        it("runs as " .. block.where .. " says", function() run_c(block) end)
      elseif block.kind == "sh" and block.flags.run then
        it("runs as " .. block.where .. " says", function() run_sh(block) end)
      end
    end
  end

  it("is in blocks of a known kind", function()
    for _, path in ipairs(documents()) do
      for _, block in ipairs(blocks_of(path)) do
        assert.is_table(FLAGS[block.kind], block.where)
        for flag in pairs(block.flags) do
          assert.is_true(FLAGS[block.kind][flag], block.where .. ": " .. flag)
        end
      end
    end
  end)

  it("installs a program that a copy elsewhere can run", function()
    local result = support.shell(in_folder("env -i usr/local/bin/timerlua -e "
      .. support.quote 'print(require("timerlua")._VERSION)'))
    assert.equal("", result.err)
    assert.equal(tl._VERSION .. "\n", result.out)
  end)

  it("names targets that the Makefile has", function()
    local makefile = text_of { "Makefile", "packaging/install.mk", "tests/tests.mk" }
    for _, path in ipairs(documents()) do
      for _, block in ipairs(blocks_of(path)) do
        if block.kind == "sh" then
          for target in table.concat(block.lines, "\n"):gmatch("make ([%a-]+)") do
            assert.is_truthy(makefile:find("\n[%a- ]*%f[%a-]"
              .. target:gsub("-", "%%-") .. "%f[^%a-][%a- ]*:"), block.where .. ": " .. target)
          end
        end
      end
    end
  end)
end)

describe("the documents", function()
  local text = text_of(written())

  it("name only functions that exist", function()
    -- made on first use, from descriptors of this process
    local later = { stdin = true, stdout = true, stderr = true }
    local all = text_of(documents())
    for name in all:gmatch("%f[%w_.]tl%.([%a_]+)") do
      assert.is_truthy(later[name] or tl[name] ~= nil, "tl." .. name)
    end
    for name in all:gmatch("%f[%w_.]tl%.clock[.:]([%a_]+)") do
      assert.is_function(tl.clock[name], "tl.clock." .. name)
    end
  end)

  it("name every public function in docs/", function()
    local pages = written()
    table.remove(pages, 1) -- the README
    local reference = text_of(pages)
    getmetatable(tl).load_all() -- loads the functions that are loaded on first use
    for name in pairs(tl) do
      assert.is_true(is_mentioned(reference, "tl." .. name), "tl." .. name)
    end
    for name in pairs(tl.clock) do
      assert.is_true(is_mentioned(reference, "tl.clock." .. name)
        or is_mentioned(reference, "tl.clock:" .. name), "tl.clock." .. name)
    end
  end)

  it("name every method and field of a timer", function()
    local timers = support.read("docs/timers.md")
    local module = "lua/timerlua/loop/timer.lua"
    for _, name in ipairs(defined_in(module, "\nfunction methods%.([%a_]+)")) do
      assert.is_true(is_mentioned(timers, "t:" .. name), "t:" .. name)
    end
    for _, name in ipairs(defined_in(module, "\nfunction fields%.([%a_]+)")) do
      assert.is_true(is_mentioned(timers, "t." .. name), "t." .. name)
    end
  end)

  it("name every method of tasks and of the objects that tasks use", function()
    local tasks = support.read("docs/tasks.md")
    for _, name in ipairs { "join", "cancel" } do
      assert.is_true(is_mentioned(tasks, "task:" .. name), "task:" .. name)
    end
    for _, kind in ipairs { "channel", "semaphore" } do
      local path = ("lua/timerlua/task/%s.lua"):format(kind)
      for _, name in ipairs(defined_in(path, "\nfunction %u%l+:(%l[%l_]+)")) do
        if name ~= "remove" then
          assert.is_true(is_mentioned(tasks, kind .. ":" .. name), kind .. ":" .. name)
        end
      end
    end
    for _, name in ipairs { "spawn", "cancel" } do
      assert.is_true(is_mentioned(tasks, "scope:" .. name), "scope:" .. name)
    end
  end)

  it("name every method, callback and option of sockets", function()
    local sockets = support.read("docs/sockets.md")
    local FILES = { conn = "connection/object connection/receiving connection/sending "
      .. "connection/ending", listener = "listener" }
    for class, files in pairs(FILES) do
      for file in files:gmatch("%S+") do
        for _, name in ipairs(defined_in("lua/timerlua/net/" .. file .. ".lua",
          "\nfunction %u%l+:(%l[%l_]+)")) do
          assert.is_true(is_mentioned(sockets, class .. ":" .. name), class .. ":" .. name)
        end
      end
    end
    local names = "open data drain eof error close local_addr handler backlog "
      .. "max_connections idle_timeout reuseaddr reuseport v6only defer_accept "
    for _, list in ipairs(defined_in("lua/timerlua/net/connection/making.lua",
      "\n  [kernelow]+_options = \"([%l_ ]+)\"")) do
      names = names .. list .. " "
    end
    for name in names:gmatch("%S+") do
      assert.is_truthy(sockets:find("`" .. name .. "`", 1, true)
        or sockets:find("`" .. name .. "(", 1, true)
        or sockets:find("`options." .. name .. "`", 1, true), name)
    end
  end)

  it("name every method and constant of plain sockets", function()
    local names = defined_in("lua/timerlua/socket.lua", "\nfunction Socket:(%l+)")
    assert.is_true(#names > 15)
    for _, name in ipairs(names) do
      assert.is_true(is_mentioned(text, "s:" .. name), "s:" .. name)
    end
    for name, value in pairs(require "timerlua.socket") do
      local short = name:match("_(.*)")
      assert.is_true(type(value) ~= "number" or is_mentioned(text, name)
        or is_mentioned(text, short) or is_mentioned(text, name:match(".-_")), name)
    end
  end)

  it("name every function, method and constant of the descriptors", function()
    local constants = {}
    for _, module in ipairs { "select", "timerfd", "timerstack" } do
      local page = text_of { "docs/byhand/select.md", "docs/byhand/kqueue.md" }
      if module ~= "select" then page = support.read("docs/byhand/timerfd.md") end
      for name, value in pairs(require("timerlua." .. module)) do
        if type(value) == "number" then
          constants[name] = page
        else
          assert.is_true(is_mentioned(page, module .. "." .. name), module .. "." .. name)
        end
      end
    end
    for name, page in pairs(constants) do assert.is_true(is_mentioned(page, name), name) end
    for class, prefix in pairs { Poll = "p", Epoll = "ep", Kqueue = "kq", Devpoll = "dp",
      Timerfd = "t" } do
      local path = class == "Timerfd" and "timerfd" or "byhand/select_" .. class:lower()
      for _, name in ipairs(defined_in("lua/timerlua/" .. path .. ".lua",
        "\nfunction " .. class .. ":(%l+)")) do
        assert.is_true(is_mentioned(text, prefix .. ":" .. name), prefix .. ":" .. name)
      end
    end
    assert.is_true(is_mentioned(text, "limits.nofile"))
  end)

  it("name every script", function()
    local PAGES = { ["scripts/"] = "scripts", ["scripts/descriptors/"] = "byhand/descriptors",
      ["scripts/embed/"] = "embedding" }
    for place, page in pairs(PAGES) do
      local text_of_page = support.read("docs/" .. page .. ".md")
      local pipe = io.popen("ls " .. place)
      for name in pipe:lines() do
        if name:find("%.[lc]%l*$") then
          assert.is_truthy(text_of_page:find(name, 1, true), page .. ".md: " .. place .. name)
        end
      end
      pipe:close()
    end
  end)

  it("name every method and option of child processes", function()
    local text_of_processes = support.read("docs/processes.md")
    for _, name in ipairs(defined_in("lua/timerlua/system/process.lua",
      "\nfunction Process:(%l[%l_]+)")) do
      if name ~= "disowned" then
        assert.is_true(is_mentioned(text_of_processes, "p:" .. name), "p:" .. name)
      end
    end
    for name in (require("timerlua.system.exec").options .. " input limit"):gmatch("%S+") do
      assert.is_truthy(text_of_processes:find("`" .. name .. "`", 1, true), name)
    end
  end)

  it("name every counter", function()
    local timers = support.read("docs/timers.md")
    local stats = tl.stats()
    for name in pairs(stats) do
      assert.is_true(is_mentioned(timers, "`" .. name), "stats " .. name)
    end
    for name in pairs(stats.lateness) do
      assert.is_true(is_mentioned(timers, "`" .. name), "lateness " .. name)
    end
  end)

  it("name every option of the program", function()
    local program, found = support.read("docs/program.md"), 0
    for option in support.run({ "--help" }).out:gmatch("\n  (%-[%w-]*=?%l*)") do
      found = found + 1
      assert.is_truthy(program:find("`" .. option, 1, true), option)
    end
    assert.is_true(found >= 9)
  end)

  it("name every package that is installed", function()
    local dependencies = support.read("docs/dependencies.md")
    for job, list in support.read(".ci/install"):gmatch("\n    (%l+)%) echo ([^;\n]+) ;;") do
      for package in list:gmatch("%S+") do
        assert.is_truthy(dependencies:find("`" .. package .. "`", 1, true),
          job .. ": " .. package)
      end
    end
  end)

  -- The anchors of a page's headings, as GitHub makes them.
  local function anchors_of(path)
    local anchors = {}
    for _, line in ipairs(lines_of(support.read(path))) do
      local heading = line:match("^#+ (.*)$")
      if heading then
        anchors[(heading:lower():gsub("[^%w%- _]", ""):gsub(" ", "-"))] = true
      end
    end
    return anchors
  end

  it("link to files and headings that are there", function()
    local anchors = {}
    for _, path in ipairs(documents()) do
      local base = path:match("^(.*/)") or ""
      for target, heading in support.read(path):gmatch("%]%(([^)#:]*)#?([^)#:]*)%)") do
        local file = target == "" and path or base .. target
        assert.is_true(target == ""
          or support.shell("test -e " .. support.quote(file)).code == 0, path .. ": " .. target)
        if heading ~= "" then
          anchors[file] = anchors[file] or anchors_of(file)
          assert.is_true(anchors[file][heading], path .. ": " .. target .. "#" .. heading)
        end
      end
    end
  end)

  it("are all in the index", function()
    local index = support.read("docs/README.md")
    for _, path in ipairs(documents()) do
      local page = path:match("^docs/(.*)$")
      if page and page ~= "README.md" then
        assert.is_truthy(index:find("](" .. page .. ")", 1, true), path)
      end
    end
  end)

  it("show the README's first script at work in at most ten lines", function()
    local first = blocks_of("README.md")[1]
    assert.equal("lua", first.kind)
    assert.is_true(#first.lines <= 11)
    assert.is_table(first.expected)
  end)
end)
