-- The library inside other programs: hosts in C, compiled against the files of the
-- build and against the installed files.
local hosts = require "tests.support.hosts"
local support = require "tests.support"

local folder
local cc, link_flags = hosts.cc, hosts.link_flags

local function build_host(name)
  return hosts.build(folder, name)
end

setup(function() folder = hosts.make_folder() end)

teardown(function() hosts.remove(folder) end)

-- ---------------------------------------------------------------------------

local FLAGS = { NO_FFI = 1, NO_JIT = 2, NO_IO = 4, NO_EXEC = 8, VIRTUAL_CLOCK = 16 }

describe("a script in a host", function()
  local host

  setup(function() host = build_host("host") end)

  -- The host's report of a script, in lines.
  local function lines_of(options, code)
    local path = support.write(folder .. "/script.lua", code)
    local r = support.shell(("%s %s %s"):format(host, options, path), { timeout = 20 })
    assert.equal("", r.err)
    assert.equal(0, r.code, r.out)
    local lines = {}
    for line in r.out:gmatch("([^\n]*)\n") do
      if not line:find("^\t") and line ~= "stack traceback:" then
        lines[#lines + 1] = (line:gsub(folder .. "/", ""))
      end
    end
    return lines
  end

  local function says(expected, options, code)
    assert.same(expected, lines_of(options, code))
  end

  it("prints to the host's log, and runs to its end", function()
    says({ "log: 1\ttwo\tnil", "log: later", "stepped 2, status 0, errors 0", "free: 0" }, "", [[
      local tl = require "timerlua"
      tl.after(0.002, function() print "later" end)
      print(1, "two", nil)
      tl.sleep(0.001)]])
  end)

  it("that fails is reported to the host, and the other callbacks go on", function()
    says({ "error: error in timer (script.lua:2): script.lua:2: broken", "log: other",
      "stepped 2, status 1, errors 1", "free: 0" }, "", [[
      local tl = require "timerlua"
      tl.after(0.001, function() error "broken" end)
      tl.after(0.002, function() print "other" end)]])
  end)

  it("that fails in a run has status 1, and its text is kept without a hook", function()
    says({ "load: -4353: script.lua:1: broken", "kept: script.lua:1: broken",
      "ran 1, status 1, errors 1", "free: 0" }, "quiet=1 run=1", [[error "broken"]])
  end)

  it("that yields where it must not gets an error", function()
    local lines = lines_of("", [[
      local tl = require "timerlua"
      tl.after(0, coroutine.yield)
      tl.after(0, function() table.sort({ 1, 2 }, function() tl.sleep(0) end) end)
      tl.after(0, function() coroutine.wrap(function() tl.timeout(1, tl.sleep, 0) end)() end)
      tl.on("stop", coroutine.yield)
      tl.defer(coroutine.yield)
      tl.after(0.001, function() print "alive" tl.stop(2) end)]])
    assert.equal("stepped 2, status 2, errors 5", lines[#lines - 1], table.concat(lines, "\n"))
    assert.equal("log: alive", lines[#lines - 3], table.concat(lines, "\n"))
  end)

  it("that asks for the end of the process ends itself", function()
    for exit, status in pairs { ["os.exit(7)"] = 7, ["os.exit()"] = 0, ["os.exit(false)"] = 1,
      ["os.exit(true, true)"] = 0 } do
      says({ ("stepped 2, status %d, errors 0"):format(status), "free: 0" }, "", [[
        local tl = require "timerlua"
        tl.every(0.001, function() end)
        tl.sleep(0.001)
        tl.spawn(function() tl.sleep(1) print "never" end) ]] .. exit .. [[ print "never" ]])
    end
  end)

  it("that closes the standard streams leaves them open", function()
    says({ "stepped 2, status 0, errors 0", "free: 0" }, "", [[
      io.stdin:close() io.stderr:close() io.stdout:close() io.output():close() io.close()
      pcall(function() for line in io.lines() do end end)
      pcall(io.lines) collectgarbage()]])
  end)

  it("that uses up its memory gets an error, and its host lives", function()
    local lines = lines_of("memory=8000000 flags=" .. FLAGS.VIRTUAL_CLOCK, [[
      local tl = require "timerlua"
      tl.after(0, function() local t = {} for i = 1, 1e8 do t[i] = { i } end end)
      tl.after(0, function() ("x"):rep(1e9) end)
      tl.after(0.001, function()
        local t = {}
        tl.sleep(0.001)
        for i = 1, 1e8 do t[i] = function() return i end end
      end)
      tl.after(0.010, function() print "alive" end)]])
    assert.same({ "log: alive", "stepped 2, status 1, errors 3", "free: 0" },
      { unpack(lines, #lines - 2) }, table.concat(lines, "\n"))
    assert.truthy(lines[1]:find("not enough memory", 1, true), lines[1])
  end)

  it("may make garbage within its memory forever", function()
    says({ "log: done", "stepped 2, status 0, errors 0", "free: 0" }, "memory=4000000", [[
      local tl = require "timerlua"
      local keep = {}
      for i = 1, 100 do keep[i] = ("x"):rep(10000) .. i end
      for i = 1, 300 do
        tl.sleep(0)
        for k = 1, 10 do keep[k] = ("x"):rep(10000) .. i .. k end
      end
      print "done"]])
  end)

  it("that takes long is named", function()
    local lines = lines_of("warn=5000000", [[
      local tl = require "timerlua"
      local function spin() local t = os.clock() while os.clock() - t < 0.01 do end end
      tl.after(0, spin)
      tl.spawn(function() tl.sleep(0.001) spin() end)
      spin()]])
    assert.equal(5, #lines, table.concat(lines, "\n"))
    assert.truthy(table.remove(lines, 1):find("^log: the main task, .* took %d+%.%d+ ms$"))
    assert.truthy(lines[1]:find("^log: a timer %(.*script.lua:2%) took %d+%.%d+ ms$"), lines[1])
    assert.truthy(lines[2]:find("^log: a task %(.*script.lua:4%) took %d+%.%d+ ms$"), lines[2])
  end)

  it("gets ELIMIT where the host's limits end", function()
    says({ "log: ELIMIT\tafter timer: as many are in use as the host allows", "log: ELIMIT",
      "log: ELIMIT", "stepped 2, status 0, errors 0", "free: 0" },
      "timers=3 descriptors=2 tasks=5", [[
      local tl = require "timerlua"
      local timers = {}
      for i = 1, 3 do timers[i] = assert(tl.after(0.001, function() end)) end
      local t, message, code = tl.after(0.001, function() end)
      assert(t == nil) print(code, message)
      assert(tl.listen("127.0.0.1:0", function() end))
      local l = assert(tl.listen("127.0.0.1:0", function() end))
      print((select(3, tl.listen("127.0.0.1:0", function() end))))
      l:close() l = assert(tl.listen("127.0.0.1:0", function() end))
      for i = 1, 5 do tl.spawn(tl.sleep, 0.001) end
      local ok, err = pcall(tl.spawn, tl.sleep, 0)
      print(ok == false and err:find("as many are in use", 1, true) and "ELIMIT")
      tl.after(0, function() end)
      os.exit(0)]])
  end)

  it("with the virtual clock takes no time", function()
    says({ "log: a day", "stepped 2, status 0, errors 0", "free: 0" },
      "flags=" .. FLAGS.VIRTUAL_CLOCK, [[require "timerlua".sleep("1d") print "a day"]])
  end)

  it("cannot change the locale", function()
    says({ "log: nil\tC", "stepped 2, status 0, errors 0", "free: 0" }, "",
      [[print(os.setlocale("C.UTF-8"), (os.setlocale()))]])
  end)

  it("without the FFI has the runtime all the same", function()
    says({ "log: false\tfalse\tfalse\tfalse", "log: timer\tslept", "log: false", "log: x\tnil",
      "log: nil\tnil", "log: script.lua:10", "stepped 2, status 0, errors 0", "free: 0" },
      "flags=" .. FLAGS.NO_FFI, [[
      local tl = require "timerlua"
      print((pcall(require, "ffi")), (pcall(require, "timerlua.core.ffi")),
        (pcall(debug.getupvalue, print, 1)), (pcall(package.loadlib, "x", "y")))
      local t = tl.after(0.001, function() end)
      tl.sleep("2ms")
      print(tl.listen("127.0.0.1:0", function() end):close() and "timer" or "timer", "slept")
      print((pcall(string.dump, print)))
      print(loadstring "return 'x'" (), (load("\27LJ\2")))
      print(debug.getinfo(1, "f").func, (loadstring("\27LJ\2")))
      local _, err = pcall(function() tl.after(-1, print) end)
      print(err:match("^.-:%d+"):match("[^/]+$"))]])
  end)

  it("without files has sockets all the same", function()
    says({ "log: false\tfalse\tfalse", "log: true",
      "stepped 2, status 0, errors 0", "free: 0" }, "flags=" .. FLAGS.NO_IO, [[
      local tl = require "timerlua"
      print((pcall(require "io".open, "/")), (pcall(os.remove, "/")), (pcall(loadfile, "/")))
      local l = tl.listen("127.0.0.1:0", function() end) print(l ~= nil) l:close()]])
  end)

  it("without files and the FFI has time zones, which read no other files", function()
    says({ "log: 7200\tCEST\ttrue", "log: at 09:30 every day, Asia/Tokyo (cron)\t1800",
      "log: false\tfalse", "stepped 2, status 0, errors 0", "free: 0" },
      "flags=" .. FLAGS.NO_IO + FLAGS.NO_FFI, [[
      local tl = require "timerlua"
      print(tl.zone("Europe/Berlin"):offset "2026-07-01T00:00:00Z")
      local daily = tl.schedule("30 9 * * *", { tz = "Asia/Tokyo" })
      print(daily:describe(), daily:next(0))
      print((pcall(tl.zone, "../../../etc/passwd")), (pcall(tl.zone, "/etc/localtime")))]])
  end)

  it("without other programs, and without a compiler", function()
    says({ "log: false\tfalse\tfalse\tfalse", "stepped 2, status 0, errors 0", "free: 0" },
      "flags=" .. FLAGS.NO_EXEC + FLAGS.NO_JIT,
      [[print((pcall(os.execute, "true")), (pcall(io.popen, "true")), (jit.status()),
        (pcall(jit.on)))]])
  end)
end)

-- ---------------------------------------------------------------------------

describe("the functions of timerlua.h", function()
  local api

  setup(function() api = build_host("api") end)

  for line in support.read("tests/embed/api.c"):match("cases%[%] = (%b{})"):gmatch('{"(%l+)"') do
    it("keep their promises: " .. line, function()
      local r = support.shell(api .. " " .. line, { timeout = 30 })
      assert.equal("", r.err)
      assert.equal(0, r.code)
    end)
  end

  if not support.sanitized then
    it("leave no memory behind, whatever is in progress", function()
      local r = support.shell("valgrind -q --error-exitcode=9 --leak-check=full "
        .. "--errors-for-leak-kinds=definite,indirect,possible " .. api .. " all",
        { timeout = 300 })
      assert.equal("", r.err)
      assert.equal(0, r.code)
    end)
  end
end)

describe("the descriptor of a runtime", function()
  it("is readable exactly when there is work, whatever happens when", function()
    local readiness = build_host("readiness")
    for _, seed in ipairs(support.seeds(3)) do
      for _, flags in ipairs { 0, FLAGS.VIRTUAL_CLOCK } do
        local r = support.shell(("%s %d 2000 %d"):format(readiness, seed, flags),
          { timeout = 60 })
        assert.same({ "", 0 }, { r.err, r.code }, ("TEST_SEED=%d, %d"):format(seed, flags))
      end
    end
  end)

  it("serves a plain epoll program", function()
    local program = cc(folder .. "/epoll_host", "scripts/embed/epoll_host.c", link_flags())
    local script = support.write(folder .. "/script.lua", [[
      local tl = require "timerlua"
      local lines = 0
      function on_input(text) lines = lines + select(2, text:gsub("\n", "")) end
      tl.every(0.001, function(t)
        if lines == 2 then print "two lines" t:cancel() end
      end)]])
    local r = support.shell(("printf 'a\\nb\\n' | %s %s"):format(program, script))
    assert.same({ "two lines\n", "", 0 }, { r.out, r.err, r.code })
    r = support.shell(program .. " /nonexistent.lua")
    assert.equal(1, r.code)
    assert.truthy(r.err:find("/nonexistent.lua: No such file or directory", 1, true), r.err)
    assert.is_true(select(2, support.read("scripts/embed/epoll_host.c"):gsub("\n", "")) <= 40)
  end)
end)

if not support.sanitized and support.shell("command -v lua5.1").code == 0 then
  describe("a program with functions of another Lua", function()
    local PLUGIN = [[
      #include <dlfcn.h>
      #include <errno.h>
      #include <stdio.h>
      #include <string.h>
      #include <timerlua.h>
      int luaopen_plugin(void *state)
      {
          static const char script[] = "print('in ' .. jit.version:match('%a+'))";
          tl_runtime *(*create)(const tl_config *);
          int (*load)(tl_runtime *, const char *, size_t, const char *);
          int (*end)(tl_runtime *);
          (void)state;
      #ifndef LIBRARY
          create = tl_new, load = tl_load_string, end = tl_free;
      #else
          void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
          create = dlsym(library, "tl_new");
          load = dlsym(library, "tl_load_string");
          end = dlsym(library, "tl_free");
      #endif
          tl_runtime *rt = create(NULL);
          puts(rt != NULL ? "made" : strerror(errno));
          if (rt != NULL)
              load(rt, script, sizeof script - 1, NULL);
          fflush(stdout);
          return end(rt);
      }
    ]]

    local function run_plugin(flags, linked)
      local source = support.write(folder .. "/plugin.c", PLUGIN)
      local plugin = cc(folder .. "/plugin.so", source, "-D_GNU_SOURCE -shared -fPIC "
        .. flags .. " " .. linked)
      local r = support.shell(("lua5.1 -e \"package.loadlib('%s', 'luaopen_plugin')() "
        .. "print 'alive'\""):format(plugin))
      assert.equal("", r.err)
      return r.out
    end

    it("gets an error because they stand in the way", function()
      assert.equal("Accessing a corrupted shared library\nalive\n", run_plugin("", link_flags()))
    end)

    it("is served when the library looks at its own first", function()
      local library = ([[-DLIBRARY='"%s/libtimerlua.so.0"']]):format(support.build)
      local r = run_plugin(library, "")
      assert.equal("made\nin LuaJIT\nalive\n", r)
    end)
  end)
end

-- ---------------------------------------------------------------------------

describe("posts from eight threads", function()
  local function come(program, posts)
    for _, way in ipairs { "run", "step" } do
      local r = support.shell(("%s %d %s"):format(program, posts, way), { timeout = 100 })
      assert.equal("", r.err, way)
      assert.equal(0, r.code, way)
    end
  end

  it("arrive once each, in the order of each thread, with stops between", function()
    come(build_host("posts"), support.sanitized and 5000 or 50000)
  end)

  if not support.sanitized then
    it("race with nothing, as ThreadSanitizer sees it", function()
      local build = support.build .. "/tsan"
      local r = support.shell(("unset MAKEFLAGS MAKELEVEL MFLAGS; NO_INSTALL=1 make -s BUILD=%s "
        .. "LTO= CFLAGS='-O1 -g -fsanitize=thread' %s/libtimerlua.a >&2"):format(build, build),
        { timeout = 300 })
      assert.equal(0, r.code, r.err)
      local libs = support.read("packaging/flags.mk"):find("libcares", 1, true)
        and support.shell("test -e " .. build .. "/resolver-ares").code == 0 and "-lcares" or ""
      local program = cc(folder .. "/posts_tsan", "tests/embed/posts.c",
        ("-fsanitize=thread %s/libtimerlua.a -l:libluajit-5.1.a %s -lm -ldl -pthread"):format(
          build, libs))
      -- its shadow memory has no place for some random addresses
      come("setarch -R " .. program, 2000)
    end)
  end
end)

-- ---------------------------------------------------------------------------

describe("the header", function()
  for _, language in ipairs { "c -std=c11", "c -std=gnu17", "c++ -std=c++11", "c++ -std=c++20" } do
    it("compiles as " .. language, function()
      local compiler = language:find("^c%+%+") and "c++" or "cc"
      local r = support.shell(("echo '#include \"timerlua.h\"\nint x = TL_DONE;' | "
        .. "%s -x %s -pedantic -Wall -Wextra -Werror -iquote runtime -c - -o /dev/null")
        :format(compiler, language), { timeout = 30 })
      assert.equal("", r.err)
      assert.equal(0, r.code)
    end)
  end
end)

local function declared()
  local names = {}
  local code = support.read("runtime/timerlua.h"):gsub("/%*.-%*/", " ")
  for name in code:gmatch("TL_API [^;(]-(tl_%w+[%w_]*)%(") do names[#names + 1] = name end
  table.sort(names)
  return names
end

describe("the library", function()
  local function symbols(command)
    local r = support.shell(command)
    assert.equal("", r.err)
    local names = {}
    for kind, name in r.out:gmatch(" (%u) ([%w_@.]+)") do
      if kind ~= "A" and not name:find("^__?[aul][sb]?san") then names[#names + 1] = name end
    end
    table.sort(names)
    return names
  end

  it("shows the functions of its header, with its version, and no others", function()
    local expected = declared()
    assert.equal(30, #expected)
    for i, name in ipairs(expected) do expected[i] = name .. "@@TIMERLUA_0" end
    assert.same(expected, symbols("nm -D --defined-only " .. support.build .. "/libtimerlua.so"))
  end)

  it("shows the same as an archive", function()
    assert.same(declared(), symbols("nm -g --defined-only " .. support.build .. "/libtimerlua.a"))
  end)

  it("has a name for the linker, and needs LuaJIT", function()
    local r = support.shell("readelf -d " .. support.build .. "/libtimerlua.so")
    assert.truthy(r.out:find("soname: [libtimerlua.so.0]", 1, true))
    assert.truthy(r.out:find("[libluajit-5.1.so.2]", 1, true))
    assert.is_nil(r.out:find("TEXTREL", 1, true))
  end)

  it("returns its version", function()
    assert.equal(require("timerlua.version"), require("timerlua")._VERSION)
    assert.truthy(support.read("tests/embed/api.c"):find(require("timerlua.version"), 1, true))
  end)
end)

describe("the manual page", function()
  it("is well-formed, and names every function and flag", function()
    local r = support.shell("groff -man -ww -z docs/timerlua.3")
    assert.equal("", r.err)
    assert.equal(0, r.code)
    local page = support.read("docs/timerlua.3")
    for _, name in ipairs(declared()) do assert.truthy(page:find(name .. "%f[%W]"), name) end
    for name in support.read("runtime/timerlua.h"):gmatch("\n    (TL_[%u_]+) =") do
      assert.truthy(page:find(name, 1, true), name)
    end
  end)
end)

describe("the files that make install puts elsewhere", function()
  local root

  setup(function()
    root = folder .. "/root"
    local r = support.shell(("unset MAKEFLAGS MAKELEVEL MFLAGS; "
      .. "NO_INSTALL=1 make install-library BUILD=%s SANITIZE=%s DESTDIR=%s PREFIX=/usr/local")
      :format(support.build, support.sanitized and "1" or "", root), { timeout = 300 })
    assert.equal(0, r.code, r.err)
  end)

  local HOST = [[
    #include <lauxlib.h> // of LuaJIT, by the flags of timerlua.pc
    #include <lua.h>
    #include <stdio.h>
    #include <timerlua.h>
    static int twice(lua_State *L)
    {
        lua_pushnumber(L, 2 * luaL_checknumber(L, 1));
        return 1;
    }
    int main(void)
    {
        tl_runtime *rt = tl_new(NULL);
        lua_register(tl_lua(rt), "twice", twice);
        if (tl_load_string(rt, "require'timerlua'.sleep(0.001) print(twice(21))", 47, NULL))
            puts(tl_error(rt));
        int status = tl_run(rt);
        return tl_free(rt) ? 1 : status;
    }
    ]]

  local function pkg_config(words)
    local r = support.shell(("PKG_CONFIG_PATH=%s/usr/local/lib/pkgconfig pkg-config %s"):format(
      root, words))
    assert.equal("", r.err)
    return (r.out:gsub("%s+$", ""))
  end

  if not support.sanitized then
    it("serves a host by pkg-config", function()
      support.write(folder .. "/host.c", HOST)
      for _, static in ipairs { false, true } do
        local flags = pkg_config("--cflags --libs timerlua" .. (static and " --static" or ""))
        if static then flags = flags:gsub("%-ltimerlua", "-l:libtimerlua.a") end
        local r = support.shell(("cd %s && cc host.c %s -o host && LD_LIBRARY_PATH=%s ./host")
          :format(folder, flags, root .. "/usr/local/lib"))
        assert.same({ "42\n", "", 0 }, { r.out, r.err, r.code })
      end
      assert.equal(require("timerlua.version"), pkg_config("--modversion timerlua"))
    end)

    if support.shell("command -v cmake").code == 0 then
      it("serves a host by CMake", function()
        support.write(folder .. "/host.c", HOST)
        support.write(folder .. "/CMakeLists.txt", [[
          cmake_minimum_required(VERSION 3.13)
          project(host C)
          find_package(timerlua 0.1 REQUIRED)
          foreach(version 0.2 1.0 0.1.99)
            unset(timerlua_DIR CACHE)
            find_package(timerlua ${version} QUIET)
            if(timerlua_FOUND)
              message(FATAL_ERROR "found as ${version}")
            endif()
          endforeach()
          add_executable(shared_host host.c)
          target_link_libraries(shared_host timerlua::timerlua)
          add_executable(static_host host.c)
          target_link_libraries(static_host timerlua::timerlua_static)]])
        local r = support.shell(("cd %s && mkdir -p b && cd b && cmake -DCMAKE_PREFIX_PATH=%s .. "
          .. ">log 2>&1 && make >>log 2>&1 || cat log; ./shared_host && ./static_host"):format(
          folder, root .. "/usr/local"), { timeout = 60 })
        assert.same({ "42\n42\n", "", 0 }, { r.out, r.err, r.code })
      end)
    end
  end
end)
