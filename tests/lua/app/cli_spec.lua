local support = require "tests.support"

local run, shell, quote = support.run, support.shell, support.quote

-- A folder of this file's own, for scripts with names that can be compared.
local folder

local function script(name, text)
  return support.write(folder .. "/" .. name, text)
end

local function in_folder(command, options)
  return shell("cd " .. folder .. " && " .. command, options)
end

-- One line on standard error, and nothing on standard output.
local function assert_one_message(expected, code, r)
  assert.equal(expected .. "\n", r.err)
  assert.equal("", r.out)
  assert.equal(code, r.code)
end

-- The report of an uncaught error: a first line, then a traceback.
local function assert_report(pattern, r)
  local first = r.err:match("^[^\n]*")
  assert.truthy(first:find(pattern), ("%q does not match %q"):format(first, pattern))
  local _, reports = ("\n" .. r.err):gsub("\ntimerlua: ", "")
  assert.equal(1, reports)
  assert.equal(1, r.code)
end

setup(function()
  folder = shell("mktemp -d").out:match("[^\n]+")
end)

teardown(function()
  shell("rm -rf " .. folder)
end)

describe("the options", function()
  it("--help shows every option and the exit status", function()
    local r = run { "--help" }
    assert.equal(0, r.code)
    assert.equal("", r.err)
    assert.equal("usage: timerlua", r.out:match("^usage: %w+"))
    for _, option in ipairs { "-e ", "-l ", "--on-error=log", "--on-error=stop",
      "--virtual-time", "--slack=", "--stop-grace=", "--reload-on=", "--pid-file=", "--version",
      "--help", "--  ", "Exit status" } do
      assert.truthy(r.out:find(option, 1, true), option .. " is missing")
    end
  end)

  it("--help names no option that is refused", function()
    local help = run({ "--help" }).out
    local tried, path = 0, os.tmpname()
    os.remove(path)
    for option in help:gsub("\n  %-%l, +", "\n  "):gmatch("\n  (%-%-[%w%-=]+)") do
      option = option:gsub("=DURATION", "=1ms"):gsub("=SIGNAL", "=HUP"):gsub("=PATH", "=" .. path)
      local r = run { option, "-e", "io.write('ran')" }
      assert.equal(0, r.code)
      assert.equal("", r.err)
      tried = tried + 1
    end
    assert.equal(9, tried)
  end)

  it("--version shows the version and LuaJIT's", function()
    local r = run { "--version" }
    assert.equal(0, r.code)
    assert.equal("", r.err)
    assert.equal("timerlua " .. require "timerlua.version" .. " (" .. jit.version .. ")\n",
      r.out)
  end)

  it("-e runs code, several in order, before the script", function()
    local path = script("last.lua", "io.write(seen, 'script ', ...)")
    local r = run { "-e", "seen = 'one '", "-e", "seen = seen .. 'two '", path, "x" }
    assert.equal("one two script x", r.out)
    assert.equal(0, r.code)
  end)

  it("-e and -l take their value in the same word, too", function()
    local r = run { "-ltimerlua", "-eio.write(type(package.loaded.timerlua))" }
    assert.equal("table", r.out)
    assert.equal(0, r.code)
  end)

  it("-l requires a module before what follows it", function()
    script("mine.lua", "loaded = (loaded or 0) + 1; return { name = ... }")
    local r = in_folder(support.program
      .. " -e 'io.write(tostring(loaded))' -l mine -e 'io.write(loaded, mine.name)'",
      {})
    assert.equal("nil1mine", r.out)
    assert.equal(0, r.code)
  end)

  it("-l may name a module of the program itself", function()
    local r = run { "-l", "timerlua", "-e", "timerlua.sleep(0) io.write('slept')" }
    assert.equal("slept", r.out)
    assert.equal(0, r.code)
  end)

  it("-l of a missing module is one report and status 1", function()
    local r = run { "-l", "no.such.module", "-e", "io.write('ran')" }
    assert_report("module 'no%.such%.module' not found", r)
    assert.equal("", r.out)
  end)

  it("-- ends the options", function()
    script("-odd.lua", "io.write('odd ', ...)")
    local r = in_folder(support.program .. " -- -odd.lua --help")
    assert.equal("odd --help", r.out)
    assert.equal(0, r.code)
  end)

  it("what follows the script belongs to the script", function()
    local path = script("args.lua", "io.write(select('#', ...), table.concat({...}, ','))")
    assert.equal("4--version,-e,,x y", run({ path, "--version", "-e", "", "x y" }).out)
  end)

  it("--virtual-time lets a day pass at once", function()
    local r = run { "--virtual-time", "-e", [[
      local tl = require "timerlua"
      local start, wall = tl.now(), tl.time()
      tl.sleep("1d")
      io.write(("%.6f %.6f"):format(tl.now() - start, tl.time() - wall))]] }
    assert.equal("86400.000000 86400.000000", r.out)
    assert.equal(0, r.code)
  end)

  it("--slack sets the slack, in seconds or as a duration", function()
    local code = [[io.write(require("timerlua").slack())]]
    local told = run({ "--help" }).out:match("default (%d+)us")
    assert.equal(tonumber(told) / 1e6, tonumber(run(code).out))
    assert.equal("0.002", run({ "--slack=2ms", "-e", code }).out)
    assert.equal("0", run({ "--slack=0", "-e", code }).out)
    assert.equal("0.5", run({ "--slack=0.5", "-e", code }).out)
  end)

  it("--on-error=log goes on after an error and ends with 1", function()
    local code = [[
      local tl = require "timerlua"
      tl.after(0, function() error("first") end)
      tl.after(0.001, function() io.write("second ran") end)]]
    for _, arguments in ipairs { { "-e", code }, { "--on-error=log", "-e", code } } do
      local r = run(arguments)
      assert_report("first$", r)
      assert.equal("second ran", r.out)
    end
  end)

  it("--on-error=stop ends at the first error, in the middle of a batch", function()
    local r = run { "--on-error=stop", "-e", [[
      local tl = require "timerlua"
      tl.after(0, function() error("first") end)
      tl.after(0, function() error("same batch") end)]] }
    assert_report("first$", r)
  end)

  it("--on-error=stop runs the stop handlers before it ends", function()
    local r = run { "--on-error=stop", "-e", [[
      local tl = require "timerlua"
      tl.on("stop", function(reason) io.write("stop: ", reason) end)
      tl.after(0, function() error("first") end)
      tl.after(60, function() io.write("second ran") end)]] }
    assert_report("first$", r)
    assert.equal("stop: error", r.out)
  end)

  it("--on-error=stop ends at an error of the main chunk", function()
    local r = run { "--on-error=stop", "-e", [[
      require("timerlua").after(60, print) error("main broke")]] }
    assert_report("main broke$", r)
  end)
end)

describe("wrong usage", function()
  local function refused(message, arguments)
    assert_one_message("timerlua: " .. message .. "\ntry 'timerlua --help'", 2,
      run(arguments))
  end

  it("is reported in two lines, with status 2", function()
    refused("no script given", {})
    refused("no script given", { "--virtual-time" })
    refused("no script given", { "--" })
    refused("unknown option '--nope'", { "--nope", "x.lua" })
    refused("unknown option '-x'", { "-x" })
    refused("unknown option '--help=all'", { "--help=all" })
    refused("unknown option '--virtual-tme'; did you mean --virtual-time?",
      { "--virtual-tme", "x.lua" })
    refused("unknown option '--slak=1ms'; did you mean --slack?", { "--slak=1ms", "x.lua" })
    refused("-e needs code", { "-e" })
    refused("-l needs a module", { "-l" })
    refused("--on-error must be log or stop, got 'maybe'", { "--on-error=maybe", "x" })
    refused("--on-error needs a value: --on-error=stop", { "--on-error", "stop", "x" })
    refused("--slack needs a value: --slack=1ms", { "--slack", "x" })
  end)

  it("a slack that is no duration is refused, naming it", function()
    for _, slack in ipairs { "soon", "-1", "nan", "" } do
      local r = run { "--slack=" .. slack, "-e", "io.write('ran')" }
      assert.equal("timerlua: --slack", r.err:match("^timerlua: %-%-slack"))
      if slack ~= "" then
        assert.truthy(r.err:match("^[^\n]*"):find(slack, 1, true), r.err)
      end
      assert.falsy(r.err:find("%.lua:"), "tells of internals: " .. r.err)
      assert.equal("", r.out)
      assert.equal(2, r.code)
    end
  end)

  it("is found before any code runs", function()
    local r = run { "-e", "io.write('ran')", "--nope" }
    assert.equal("", r.out)
    assert.equal(2, r.code)
  end)
end)

describe("the script's arguments", function()
  local PRINT_ARGUMENTS = [[
    local words = {}
    for i = -12, 12 do words[#words + 1] = tostring(arg[i]) end
    io.write(table.concat(words, "|"), " ... ", select("#", ...), ...)]]

  local function like_luajit(words, stdin)
    local ours = run(words, { stdin = stdin })
    for i, word in ipairs(words) do words[i] = quote(word) end
    local line = "luajit " .. table.concat(words, " ")
    if stdin then line = ("printf %%s %s | %s"):format(quote(stdin), line) end
    local theirs = shell(line)
    assert.equal(0, theirs.code)
    assert.truthy(#theirs.out > 40)
    assert.equal("", ours.err)
    assert.equal(theirs.out, (ours.out:gsub(support.program:gsub("%p", "%%%0"), "luajit")))
  end

  it("are set as luajit sets them, negative indices included", function()
    local path = script("print_arguments.lua", PRINT_ARGUMENTS)
    script("pre.lua", "pre = true")
    like_luajit { path }
    like_luajit { path, "x", "y z", "" }
    like_luajit { "-e", "pre = 1", path, "x" }
    like_luajit { "-epre = 1", "-e", "pre = 2", path, "-e", "x" }
    like_luajit { "-ltable", "-l", "string", path, "x" }
    like_luajit { "--", path, "x" }
    like_luajit({ "-", "x", "y" }, PRINT_ARGUMENTS)
    like_luajit({ "-e", "pre = 1", "-", "x" }, PRINT_ARGUMENTS)
  end)

  it("are there for -e too, without a script", function()
    like_luajit { "-e", PRINT_ARGUMENTS }
  end)

  it("are there for -e before a script", function()
    like_luajit { "-e", PRINT_ARGUMENTS, script("empty.lua", ""), "x", "y" }
  end)

  it("may be many and long", function()
    local path = script("count.lua", "io.write(select('#', ...), ' ', #arg[5000])")
    local r = shell(("%s %s $(seq 4999) $(head -c 100000 /dev/zero | tr '\\0' x)"):format(
      support.program, path))
    assert.equal("5000 100000", r.out)
    assert.equal("", r.err)
  end)
end)

describe("a script on standard input", function()
  it("is run as source", function()
    local r = run({ "-", "a", "b" }, { stdin = "io.write(arg[0], ' ', ...)" })
    assert.equal("- ab", r.out)
    assert.equal(0, r.code)
  end)

  it("is run as bytecode", function()
    local code = "local tl = require 'timerlua' tl.sleep(0) io.write('bytecode ', ...)"
    local r = run({ "-", "x" }, { stdin = string.dump(loadstring(code)) })
    assert.equal("bytecode x", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)

  it("may be empty", function()
    local r = run({ "-" }, { stdin = "" })
    assert.equal("", r.out .. r.err)
    assert.equal(0, r.code)
  end)

  it("with broken bytecode is one message", function()
    local dump = string.dump(loadstring("return 1"))
    local r = run({ "-" }, { stdin = dump:sub(1, 6) })
    assert.equal(1, select(2, r.err:gsub("\n", "")))
    assert.equal("timerlua: ", r.err:sub(1, 10))
    assert.equal(1, r.code)
  end)

  it("with a syntax error names stdin and the line", function()
    local r = run({ "-" }, { stdin = "local x = 1\nx = = 2\n" })
    assert_one_message("timerlua: stdin:2: unexpected symbol near '='", 1, r)
  end)

  it("that is a directory is one message", function()
    local r = shell(support.program .. " - </tmp")
    assert_one_message("timerlua: cannot read standard input: Is a directory", 1, r)
  end)
end)

describe("a script file", function()
  it("runs by its #! line when the program is in PATH", function()
    local path = script("hello.lua", "#!/usr/bin/env timerlua\n"
      .. "io.write('hello from ', arg[0]:match('[^/]*$'), ' ', arg[1])\n"
      .. "require('timerlua').sleep(0) os.exit(3)")
    local r = shell(("chmod +x %s && PATH=%s:$PATH %s world"):format(path,
      support.build, path))
    assert.equal("hello from hello.lua world", r.out)
    assert.equal("", r.err)
    assert.equal(3, r.code)
  end)

  it("keeps its line numbers after a #! line", function()
    local path = script("line.lua", "#!/usr/bin/env timerlua\n\nerror('here')\n")
    assert_report("line%.lua:3: here$", run { path })
  end)

  it("may consist of a #! line only", function()
    local r = run { script("only.lua", "#!/usr/bin/env timerlua") }
    assert.equal("", r.err .. r.out)
    assert.equal(0, r.code)
  end)

  it("may be bytecode", function()
    local path = script("compiled.luac", string.dump(loadstring("io.write('ran ', ...)")))
    local r = run { path, "x" }
    assert.equal("ran x", r.out)
    assert.equal(0, r.code)
  end)

  it("is a task, so it may sleep at top level", function()
    local r = run { script("sleep.lua", [[
      local tl = require "timerlua"
      local order = {}
      tl.after(0.001, function() order[#order + 1] = "timer" end)
      tl.sleep(0.002)
      order[#order + 1] = "main"
      io.write(table.concat(order, " "), " ", tl.current().status)]]) }
    assert.equal("timer main running", r.out)
    assert.equal(0, r.code)
  end)

  it("that is missing is one message with its name", function()
    assert_one_message("timerlua: cannot open /no/such.lua: No such file or directory",
      1, run { "/no/such.lua" })
  end)

  it("that cannot be read is one message with its name and cause", function()
    assert_one_message("timerlua: cannot open /dev/null/x.lua: Not a directory",
      1, run { "/dev/null/x.lua" })
  end)

  it("that is a directory is one message", function()
    assert_one_message("timerlua: cannot read " .. folder .. ": Is a directory", 1,
      run { folder })
  end)

  it("with a syntax error is one message with file and line", function()
    local path = script("syntax.lua", "local x = 1\n\nx = = 2\n")
    assert_one_message(("timerlua: %s:3: unexpected symbol near '='"):format(path), 1,
      run { path })
  end)

  it("with a syntax error runs no -e before it", function()
    local path = script("syntax.lua", "x = = 2\n")
    local r = run { "-e", "io.write('ran')", path }
    assert.equal("", r.out)
    assert.equal(1, r.code)
  end)

  it("with a NUL byte is one message with file and line", function()
    local path = script("nul.lua", "local x = 1\nlocal s = 'a\0b'\n")
    assert_one_message(("timerlua: %s:2: the script contains a NUL byte"):format(path),
      1, run { path })
  end)
end)

describe("an uncaught error", function()
  it("in the main chunk has its line and a traceback, status 1", function()
    local path = script("main.lua", "local function f()\n  error('broken')\nend\nf()\n")
    local r = run { path }
    assert_report("main%.lua:2: broken$", r)
    assert.truthy(r.err:find("main.lua:4:", 1, true), r.err)
  end)

  it("in a coroutine has the line in the coroutine", function()
    local path = script("co.lua",
      "local gen = coroutine.wrap(function()\n  coroutine.yield(1)\n  error('inside')\nend)\n"
      .. "gen()\ngen()\n")
    assert_report("co%.lua:3: inside$", run { path })
  end)

  it("that a coroutine's resume returned is the script's business", function()
    local r = run [[io.write(tostring(coroutine.resume(coroutine.create(error))))]]
    assert.equal("false", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)

  it("in a timer has the timer's name and site", function()
    local path = script("timer.lua", [[
local tl = require "timerlua"
local t = tl.after(0, function()
  error("tick broke")
end)
t.name = "heartbeat"
]])
    local r = run { path }
    assert_report('heartbeat.*timer%.lua:2.*timer%.lua:3: tick broke$', r)
  end)

  it("in a task has the task's site", function()
    local path = script("task.lua", [[
local tl = require "timerlua"
tl.spawn(function()
  tl.sleep(0)
  error("task broke")
end)
]])
    assert_report('task.*task%.lua:2.*task%.lua:4: task broke$', run { path })
  end)

  it("does not name lines of the runtime as the site", function()
    for _, arguments in ipairs { { "-e", "error('x')" },
      { "-e", "require('timerlua').sleep(0) error('x')" },
      { script("site.lua", "error('x')") } } do
      local r = run(arguments)
      assert.falsy(r.err:match("^[^\n]*"):find("program.lua", 1, true), r.err)
    end
  end)

  it("shows what the error value says", function()
    assert_report("I am text$",
      run [[error(setmetatable({}, { __tostring = function() return "I am text" end }))]])
    assert_report(": 42$", run "error(42)")
  end)

  it("names the type of a value that says nothing", function()
    assert_report("%(error object is a table value%)$", run "error({})")
    assert_report("%(error object is a nil value%)$", run "error()")
    assert_report("%(error object is a nil value%)$",
      run "require('timerlua').after(0, function() error(nil) end)")
    assert_report("%(error object is a boolean value%)$",
      run "require('timerlua').spawn(error, false)")
  end)

  it("whose value fails to describe itself is reported all the same", function()
    local r = run [[
      local tl = require "timerlua"
      tl.after(0.002, function() io.write("went on") end)
      tl.spawn(error, setmetatable({}, { __tostring = function() error("worse") end }))]]
    assert.equal("timerlua: ", r.err:sub(1, 10))
    assert.equal("went on", r.out)
    assert.equal(1, r.code)
  end)

  it("without end in sight, a stack overflow, is one report", function()
    local r = run [[local function f() return 1 + f() end f()]]
    assert_report("stack overflow", r)
    assert.truthy(#r.err < 10000, "a report of " .. #r.err .. " bytes")
  end)

  it("comes after the output before it", function()
    local r = shell(support.program .. " -e " .. quote("print('before') error('after')")
      .. " 2>&1")
    assert.equal("before\n", r.out:match("^[^\n]*\n"))
    assert.truthy(r.out:find("after", 1, true))
  end)
end)

describe("the exit status", function()
  it("is 0 for a script that ends by itself", function()
    assert.equal(0, run("").code)
    assert.equal(0, run("require('timerlua').sleep(0.001)").code)
    assert.equal(0, run("return 3").code)
  end)

  -- Ways to end: from the main chunk, callbacks, tasks; before and after waits.
  local PLACES = {
    { "the main chunk",
      "END" },
    { "the main chunk after a wait",
      "tl.sleep(0.001) END" },
    { "a timer",
      "tl.after(0, function() END end)" },
    { "a timer after a wait",
      "tl.after(0, function() tl.sleep(0.001) END end)" },
    { "a recurring timer",
      "tl.every(0.001, function(t) if t.runs == 2 then END end end)" },
    { "a task",
      "tl.spawn(function() END end)" },
    { "a task after waits",
      "tl.spawn(function() for _ = 1, 3 do tl.sleep(0) end END end) tl.sleep(60)" },
    { "a deferred function",
      "tl.defer(function() END end)" },
    { "a coroutine",
      "coroutine.wrap(function() END end)()" },
    { "a stop handler",
      "tl.on('stop', function() END end)" },
    { "a pcall",
      "pcall(function() tl.sleep(0) END end)" },
  }

  for _, entry in ipairs(PLACES) do
    local place, code = entry[1], entry[2]
    for _, ending in ipairs { "os.exit(7)", "os.exit(7, true)", "tl.stop(7)" } do
      it(("is 7 after %s in %s, and no output is lost"):format(ending, place), function()
        local text = "local tl = require 'timerlua' print(('x'):rep(5000)) "
          .. code:gsub("END", "print('ending') " .. ending)
        local to_file = run(text)
        assert.equal("", to_file.err)
        assert.equal(("x"):rep(5000) .. "\nending\n", to_file.out)
        assert.equal(7, to_file.code)
        local to_pipe = shell(("{ %s -e %s; echo $? >&2; } | cat"):format(
          support.program, quote(text)))
        assert.equal(to_file.out, to_pipe.out)
        assert.equal("7\n", to_pipe.err)
      end)
    end
  end

  it("is what os.exit's true and false mean", function()
    assert.equal(0, run("error_later = 1 os.exit(true)").code)
    assert.equal(1, run("require('timerlua').after(0, function() os.exit(false) end)").code)
  end)

  it("is 1 after an error, also after a plain tl.stop", function()
    local r = run [[
      local tl = require "timerlua"
      tl.after(0, error, "broken")
      tl.after(0.001, function() tl.stop() end)]]
    assert.equal(1, r.code)
  end)

  it("is 0 when an error handler took the error", function()
    local r = run [[
      local tl = require "timerlua"
      tl.on("error", function(err) io.write("taken: ", err) end)
      tl.after(0, function() error("broken", 0) end)]]
    assert.equal("taken: broken", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)

  it("is 1 when output was lost on a full disk", function()
    assert.equal(1, shell(support.program .. " -e 'print(1)' >/dev/full").code)
  end)

  it("is 1 when unbuffered output was lost on a full disk", function()
    local r = shell(support.program
      .. [[ -e 'io.stdout:setvbuf("no") print(1)' >/dev/full]])
    assert.equal(1, r.code)
  end)

  it("is 1 when more than a buffer was lost on a full disk", function()
    local r = shell(support.program
      .. [[ -e 'for i = 1, 1e5 do print(i) end' >/dev/full]])
    assert.equal(1, r.code)
  end)

  it("is 1 when standard output is closed", function()
    assert.equal(1, shell(support.program .. " -e 'print(1)' >&-").code)
  end)
end)

describe("a reader that goes away", function()
  -- Status 1, or that of SIGPIPE, after at most one report.
  local function assert_told(r)
    local status = r.err:match("(%d+)\n$")
    assert.truthy(status == "1" or status == "141", r.err)
    local _, reports = ("\n" .. r.err):gsub("\ntimerlua: ", "")
    assert.truthy(reports <= 1, r.err)
  end

  it("ends a script that prints forever, and is not a crash", function()
    local r = shell(("{ %s -e %s; echo $? >&2; } | head -n 1"):format(support.program,
      quote [[require("timerlua").every(0.001, function() print(("tick"):rep(1000)) end)]]),
      { timeout = 20 })
    assert.equal(("tick"):rep(1000) .. "\n", r.out)
    assert.equal(0, r.code) -- head's; 124: it had to be ended
    assert_told(r)
  end)

  it("ends a script that prints much, with a status that shows the loss", function()
    local r = shell(("{ %s -e %s; echo $? >&2; } | head -n 1"):format(support.program,
      quote "for i = 1, 1e6 do print(i) end"), { timeout = 20 })
    assert.equal("1\n", r.out)
    assert.equal(0, r.code)
    assert_told(r)
  end)
end)

describe("the executable", function()
  it("runs in another folder with an empty environment", function()
    -- a sanitized program needs its own option there, and nothing else
    local r = shell(([[cp %s %s/moved && cd / &&
      env -i ${ASAN_OPTIONS:+ASAN_OPTIONS=$ASAN_OPTIONS} %s/moved -e %s]]):format(
      support.program, folder, folder, quote [[
        local tl = require "timerlua"
        tl.after(0.001, function() io.write("moved, ", tostring(os.getenv("LUA_PATH"))) end)
        tl.spawn(function() tl.sleep(0.002) tl.stop(4) end)]]))
    assert.equal("", r.err)
    assert.equal("moved, nil", r.out)
    assert.equal(4, r.code)
  end)

  it("does not load its own modules from LUA_PATH", function()
    shell("mkdir -p " .. folder .. "/timerlua")
    script("timerlua/task.lua", "error('the wrong module')")
    local r = run("require('timerlua').sleep(0) io.write('fine')",
      { before = "LUA_PATH='" .. folder .. "/?.lua;;' " })
    assert.equal("fine", r.out)
    assert.equal(0, r.code)
  end)

  it("loads the script's modules from LUA_PATH", function()
    script("helper.lua", "return 'helped'")
    local r = run("io.write(require('helper'))",
      { before = "LUA_PATH='" .. folder .. "/?.lua' " })
    assert.equal("helped", r.out)
  end)

  it("sets no global of its own besides arg", function()
    local r = run [[
      require "timerlua"
      local known = {}
      for name in ("_G _VERSION arg assert bit collectgarbage coroutine debug dofile "
        .. "error gcinfo getfenv getmetatable io ipairs jit load loadfile loadstring "
        .. "math module newproxy next os package pairs pcall print rawequal rawget "
        .. "rawset rawlen require select setfenv setmetatable string table tonumber tostring "
        .. "type unpack xpcall"):gmatch("%S+") do known[name] = true end
      for name in pairs(_G) do
        if not known[name] then io.write(name, " ") end
      end]]
    assert.equal("", r.out)
  end)
end)
