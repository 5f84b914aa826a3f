-- Standard input, output and error as connections, and their effects on other
-- processes.
local faults = require "tests.support.faults"
local support = require "tests.support"

setup(faults.setup)
teardown(faults.teardown)

local folder

setup(function() folder = support.shell("mktemp -d").out:match("[^\n]+") end)
teardown(function() support.shell("rm -rf " .. folder) end)

local function script(code)
  return support.write(folder .. "/script.lua", 'local tl = require "timerlua"\n' .. code)
end

-- Run a shell line in which SCRIPT is the program with this code.
local function sh(line, code, options)
  local command = support.program .. " " .. script(code)
  return support.shell((line:gsub("SCRIPT", function() return command end)), options)
end

-- The same on a terminal of its own, with this on its keyboard. What is typed is
-- echoed, and lines end in CR LF.
local function on_terminal(line, code, typed)
  local command = support.program .. " " .. script(code)
  line = line:gsub("SCRIPT", function() return command end)
  local r = support.shell(("printf %s | script -qec %s /dev/null"):format(
    support.quote(typed or ""), support.quote(line)))
  return { out = r.out:gsub("\r", ""), err = r.err, code = r.code }
end

-- O_NONBLOCK in the octal flags that /proc shows.
local NONBLOCK = [[
local function nonblock(fd)
  local file = assert(io.open("/proc/self/fdinfo/" .. fd))
  local flags = tonumber(file:read("*a"):match("flags:%s*(%d+)"), 8)
  file:close()
  return math.floor(flags / 2048) % 2 == 1
end
]]

describe("standard input", function()
  local LINES = [[for line in tl.stdin:lines() do print("got " .. line) end print "end"]]

  it("is read from a pipe, a file, /dev/null and a terminal", function()
    local expected = "got one\ngot two\nend\n"
    assert.equal(expected, sh("printf 'one\\ntwo\\n' | SCRIPT", LINES).out)
    local path = support.write(folder .. "/input", "one\ntwo\n")
    assert.equal(expected, sh("SCRIPT <" .. path, LINES).out)
    assert.equal("end\n", sh("SCRIPT </dev/null", LINES).out)
    local r = on_terminal("stty -echo; SCRIPT", LINES, "one\ntwo\n")
    assert.equal(expected, r.out:gsub("^one\ntwo\n", ""):gsub("%^D\8\8", ""))
    assert.equal(0, r.code)
  end)

  it("is read from a socket, whose other users see no difference", function()
    local r = sh("SCRIPT", [[
      local ffi = require "ffi"
      ffi.cdef "int dup2(int, int); int dup(int);"
      local a, b = tl.socketpair()
      ffi.C.dup2(a:fileno(), 0)
      b:send("one\nunread\n")
      b:flush()
      print(tl.stdin:receive(), tl.stdin:peer())
      tl.stdin:close()
      b:send("two\n")
      b:flush()
      print(a:receive())]])
    assert.equal("", r.err)
    assert.equal("one\tunix:\ntwo\n", r.out)
  end)

  it("is waited for while timers run; without that it does not keep the script alive", function()
    local r = sh(("mkfifo %s/fifo; exec <>%s/fifo; SCRIPT"):format(folder, folder), [[
      local ticks = 0
      tl.every(0.001, function()
        ticks = ticks + 1
        if ticks == 6 then os.execute("echo line >&0") end
      end):unref()
      print(tl.stdin:receive(), ticks > 5)
      print(tl.stdin:settimeout(0.001), tl.stdin:receive())]], { timeout = 10 })
    assert.equal("", r.err)
    assert.equal("line\ttrue\n1\tnil\ttimeout\t\tETIMEDOUT\n", r.out)
    assert.equal(0, r.code)
  end)

  it("passes on the bytes that io.read has read ahead", function()
    local r = sh("printf 'one\\ntwo\\nthree\\n' | SCRIPT",
      "print(io.read()) print(tl.stdin:receive()) print(tl.stdin:receive('*a'))")
    assert.equal("one\ntwo\nthree\n\n", r.out)
    local path = support.write(folder .. "/input", "one\ntwo\nthree\n")
    r = sh("(SCRIPT; cat) <" .. path, "print(io.read()) print(tl.stdin:receive())")
    assert.equal("one\ntwo\n", r.out)
  end)

  it("does not make the shared description non-blocking, even afterwards", function()
    local code = NONBLOCK .. [[
      print(nonblock(0), nonblock(tl.stdin:fileno()), tl.stdin:receive(), nonblock(0))]]
    local r = sh("echo x | (SCRIPT; cat /proc/self/fdinfo/0)", code)
    assert.equal("false\ttrue\tx\tfalse\n", r.out:match("^[^\n]*\n"))
    assert.equal("0", r.out:match("flags:%s*0*(%d+)") or "none")
    r = on_terminal("stty -echo; SCRIPT", code, "x\n")
    assert.truthy(r.out:find("false\ttrue\tx\tfalse\n", 1, true), r.out)
  end)

  it("shows its writer, once it is closed, that no reader is left", function()
    local r = sh("(trap '' PIPE; while echo y 2>/dev/null; do :; done; echo over >&2) | SCRIPT", [[
      print(tl.stdin:receive())
      tl.stdin:close()
      print(io.read())
      print(tl.stdin:receive())]])
    assert.equal("y\nnil\tBad file descriptor\t9\nnil\tclosed\t\tEBADF\n", r.out)
    assert.equal("over\n", r.err)
  end)

  it("is a closed connection if the descriptor is closed", function()
    local r = sh("SCRIPT <&-", "print(tl.stdin:receive()) print(tl.stdin:closed(), tl.stdin.name)")
    assert.equal("nil\tclosed\t\tEBADF\ntrue\tstdin\n", r.out)
    assert.equal(0, r.code)
  end)
end)

describe("standard output", function()
  -- The output that print, io.write and send are to give, in the order of the calls.
  local MIXED = [[
    local size = tonumber((...))
    for i = 1, size do
      print("print", i)
      io.write("write ", i, "\n")
      tl.stdout:send("send " .. i .. "\n")
      io.stdout:write("method ", i, "\n")
    end
    io.stderr:write("done\n")]]

  local function mixed(size)
    local lines = {}
    for i = 1, size do
      lines[i] = ("print\t%d\nwrite %d\nsend %d\nmethod %d\n"):format(i, i, i, i)
    end
    return table.concat(lines)
  end

  it("keeps the order of print, io.write and send on a slow pipe", function()
    local r = sh("SCRIPT 20000 | (sleep 0.1; cat)", MIXED)
    assert.is_true(r.out == mixed(20000))
    assert.equal("done\n", r.err)
  end)

  it("keeps it in a file, on a terminal and in a socket", function()
    local path = folder .. "/output"
    assert.equal(0, sh("SCRIPT 500 >" .. path, MIXED).code)
    assert.is_true(support.read(path) == mixed(500))
    assert.equal(0, sh("echo before >" .. path .. "; SCRIPT 2 >>" .. path, MIXED).code)
    assert.equal("before\n" .. mixed(2), support.read(path))
    assert.is_true(on_terminal("SCRIPT 500 2>/dev/null", MIXED).out:gsub("^%^D\8\8", "")
      == mixed(500))
    assert.equal(0, sh("SCRIPT 2 >/dev/null", MIXED).code)
  end)

  it("is complete whatever ends the script", function()
    local START = 'tl.stdout:send(("x"):rep(200000)) print "last" '
    local expected = ("x"):rep(200000) .. "last\n"
    for ending, code in pairs { [""] = 0, ["os.exit(3)"] = 3, ["error('failed')"] = 1,
      ["tl.stop(4)"] = 4, ["tl.stdout:close()"] = 0,
      ["require('ffi').cdef 'int raise(int);' require('ffi').C.raise(15) tl.sleep(9)"] = 143 } do
      local r = sh("(SCRIPT; echo $? >&2) | (sleep 0.1; cat)", START .. ending)
      assert.is_true(r.out == expected, ending)
      assert.equal(code, tonumber(r.err:match("(%d+)\n$")), ending)
    end
  end)

  it("waits for room in a task, while others print and timers run", function()
    local go = folder .. "/go"
    local r = sh(("SCRIPT | (until [ -e %s ]; do sleep 0.01; done; cat)"):format(go), ([[
      local ticks = 0
      local ticker = tl.every(0.01, function()
        ticks = ticks + 1
        if ticks == 3 then io.open("%s", "w"):close() end
      end)
      tl.spawn(function() io.stderr:write("printed\n") end)
      tl.stdout:send(("x"):rep(400000) .. "\n")
      ticker:cancel()
      print("after")]]):format(go))
    os.remove(go)
    assert.equal("printed\n", r.err)
    assert.is_true(r.out == ("x"):rep(400000) .. "\nafter\n")
  end)

  it("takes the output of others while a task waits for room, even in C functions", function()
    local r = sh("SCRIPT | (sleep 0.1; cat)", [[
      tl.spawn(function() tl.stdout:send(("x"):rep(400000) .. "\n") end)
      tl.sleep(0.01)
      print "second"
      ;("ab"):gsub(".", function(c) print(c) end)
      table.sort({ 2, 1 }, function(a, b) print("sorting") return a < b end)]])
    assert.equal("", r.err)
    local rest = r.out:gsub("^x*\n", "")
    assert.equal("second\na\nb\nsorting\n", rest:gsub("(sorting\n)+", "%1"))
    assert.equal(400001 + #rest, #r.out)
  end)

  it("has all output from before a flush in front of a child's output", function()
    local r = sh("SCRIPT | cat", [[
      tl.stdout:send("one\n") print "two" io.stdout:flush()
      os.execute("echo three") print "four" io.flush() os.execute("echo five")]])
    assert.equal("one\ntwo\nthree\nfour\nfive\n", r.out)
  end)

  it("whose reader is gone ends the script at its next print, with status 1", function()
    local r = sh("(SCRIPT; echo $? >&2) | head -c 3", [[
      tl.stdout:send("one\n")
      tl.every(0.001, function() print("more") end)]])
    assert.equal("one", r.out)
    assert.truthy(r.err:find("^timerlua: .*standard output cannot be written: broken pipe "
      .. "%(EPIPE%)\n"), r.err)
    assert.equal("1", r.err:match("(%d+)\n$"))
    assert.equal(1, select(2, r.err:gsub("cannot be written", "")))
  end)

  it("shows a sender the cause, and the exit status shows that output was lost", function()
    local r = sh("SCRIPT >/dev/full", [[
      tl.stdout:send("x")
      io.stderr:write(select(2, tl.stdout:flush()), "\n")]])
    assert.equal("timerlua: standard output cannot be written: no space left on device (ENOSPC)\n"
      .. "no space left on device\n", r.err)
    assert.equal(1, r.code)
  end)

  it("ends for its reader when it is closed, while the script goes on", function()
    local r = sh("SCRIPT | (cat; echo end) >" .. folder .. "/seen", [[
      print "first"
      tl.stdout:send("second\n")
      tl.stdout:close()
      local deadline, text = tl.now() + 10, nil
      repeat
        tl.sleep(0.001)
        local file = io.open("]] .. folder .. [[/seen")
        text = file and file:read("*a")
        if file then file:close() end
      until text == "first\nsecond\nend\n" or tl.now() > deadline
      assert(io.open("/dev/null"):close())
      io.stderr:write(text, tostring(pcall(print, "lost")), "\n")]])
    assert.equal("first\nsecond\nend\nfalse\n", r.err)
  end)

  it("refuses wrong arguments as the io library does", function()
    local r = sh("SCRIPT", [[
      tl.stdout:send("")
      print(pcall(io.write, "a", {}))
      print(pcall(io.stdout.write, io.stdout, nil))
      print(io.write() == true, io.write(1, "\n"))
      local file = io.tmpfile()
      print(pcall(file.write, file, {}))
      print(file:write("x") and file:flush())
      io.output(file)
      io.write("y")
      io.output(io.stdout)
      file:seek("set")
      print(file:read("*a"))]])
    assert.equal("", r.err)
    local lines = {}
    for line in r.out:gmatch("[^\n]+") do lines[#lines + 1] = line end
    assert.truthy(lines[1]:find("bad argument #2 to 'write' (string expected, got table)", 1, true))
    assert.truthy(lines[2]:find("bad argument #1 to 'write' (string expected, got nil)", 1, true))
    assert.equal("xy", lines[#lines])
  end)
end)

describe("standard error", function()
  it("keeps the order of io.stderr and send, and of reports", function()
    local r = sh("SCRIPT 2>&1 >/dev/null | cat", [[
      io.stderr:write("one\n")
      tl.stderr:send("two\n")
      io.stderr:write("three\n")
      error("four", 0)]])
    assert.equal("one\ntwo\nthree\ntimerlua: four\n", r.out:match("^.-\ntimerlua: four\n"))
  end)
end)

describe("a description that cannot be opened a second time", function()
  -- The shell's own descriptor 0 is the same description.
  local function after(code)
    local fifo = folder .. "/shared"
    support.shell("rm -f " .. fifo .. "; mkfifo " .. fifo)
    script(NONBLOCK .. code)
    return faults.run_command(("sh -c %s"):format(support.quote(
      ("exec <>%s; %s %s/script.lua; echo code $?; LD_PRELOAD= cat /proc/self/fdinfo/0"):format(
        fifo, support.program, folder))), "open", 1, "EACCES", { times = 1000 })
  end

  for name, ending in pairs {
    ["at the end"] = { "", 0 },
    ["after an error"] = { "error('x', 0)", 1 },
    ["after os.exit"] = { "os.exit(2)", 2 },
    ["after SIGTERM"] = { "ffi.C.raise(15) tl.sleep(9)", 143 },
    ["after SIGTERM twice"] = { "ffi.C.raise(15) ffi.C.raise(15)", 143 },
    ["after SIGHUP"] = { "ffi.C.raise(1)", 129 },
    ["after SIGUSR1"] = { "ffi.C.raise(10)", 138 },
    ["after abort"] = { "ffi.C.abort()", 134 },
    ["when it is closed"] = { "tl.stdin:close() tl.sleep(0)", 0 },
  } do
    it("is non-blocking while it is used, and restored " .. name, function()
      local r = after([[
        local ffi = require "ffi"
        ffi.cdef "int raise(int); void abort(void);"
        io.write(tostring(nonblock(0)), " ")
        local stdin = tl.stdin
        io.write(tostring(nonblock(0)), "\n")
        io.stdout:flush()
        ]] .. ending[1])
      assert.equal("false true\n", r.out:match("^[^\n]*\n"), r.err)
      assert.equal(ending[2], tonumber(r.out:match("code (%d+)")), r.err)
      local flags = tonumber(r.out:match("flags:%s*(%d+)"), 8)
      assert.equal(0, math.floor(flags / 2048) % 2)
    end)
  end
end)

describe("the terminal's settings", function()
  local function settings(code)
    local r = on_terminal("stty -g; SCRIPT; echo code $?; stty -g", code)
    local before, status, behind = r.out:match("(%x+:[%x:]+)\n.-code (%d+)\n(%x+:[%x:]+)")
    assert.truthy(before, r.out)
    return before == behind, tonumber(status)
  end

  for name, ending in pairs {
    ["at the end"] = { "", 0 },
    ["after an error"] = { "error 'x'", 1 },
    ["after os.exit"] = { "os.exit(2)", 2 },
    ["after SIGHUP"] = { "ffi.C.raise(1)", 129 },
    ["after SIGTERM"] = { "ffi.C.raise(15) tl.sleep(9)", 143 },
  } do
    it("are restored " .. name, function()
      local same, code = settings([[
        local ffi = require "ffi"
        ffi.cdef "int raise(int);"
        local stdin = tl.stdin
        os.execute("stty raw -echo")
        ]] .. ending[1])
      assert.equal(ending[2], code)
      assert.is_true(same)
    end)
  end

  it("are left alone when standard input was not used", function()
    assert.is_false((settings [[
      local stdout = tl.stdout
      os.execute("stty -echo")]]))
  end)
end)

describe("scripts/stdin_filter.lua", function()
  it("passes lines on, however slow its reader, while its status line ticks", function()
    local r = support.shell(("seq 200000 | %s scripts/stdin_filter.lua '[1-9]$' 0.01s "
      .. "| (sleep 0.2; cat)"):format(support.program))
    local count, sum = 0, 0
    for line in r.out:gmatch("[^\n]+") do
      count = count + 1
      sum = sum + line
    end
    assert.equal(180000, count)
    assert.equal(200000 / 2 * 200001 - 20000 / 2 * 200010, sum)
    local statuses = {}
    for status in r.err:gmatch("\r(%d+ lines, %d+ passed), ") do
      statuses[#statuses + 1] = status
    end
    assert.equal("200000 lines, 180000 passed", statuses[#statuses])
    assert.is_true(#statuses >= 5, #statuses)
  end)

  it("ends with its reader", function()
    local r = support.shell(("seq 1000000 | (%s scripts/stdin_filter.lua; echo $? >&2) | head -n 1")
      :format(support.program))
    assert.equal("1\n", r.out)
    assert.equal("1", r.err:match("(%d+)\n$"))
  end)
end)
