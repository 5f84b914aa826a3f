-- Starting children: how requests are checked, how they reach the children, and which
-- failures are reported.
local ffi = require "ffi"
local processes = require "tests.support.processes"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

local raised = support.raised
local run = processes.run

-- What a child prints.
local function output(argv, opts)
  local result, message = tl.run(argv, opts)
  assert.equal(nil, message)
  assert.equal("", result.stderr or "")
  assert.equal(0, result.code)
  return result.stdout
end

describe("an argument vector", function()
  it("reaches the program as it is, without a shell", function()
    run(function()
      assert.equal("$HOME *\n;ls\n\n'\"\n",
        output { "printf", "%s\n", "$HOME *", ";ls", "", "'\"" })
    end)
  end)

  it("is copied", function()
    run(function()
      local words = { "true" }
      local p = assert(tl.exec(words))
      words[1] = "false"
      assert.same({ "true" }, p.argv)
      p:wait()
    end)
  end)

  it("must be a list of strings that C can hold", function()
    local prefix = "HERE: timerlua.exec: "
    assert.equal(prefix .. "argv must not be empty", raised(function() tl.exec {} end))
    assert.equal(prefix .. 'argv must be a list of strings, not a command line, got "ls -l"',
      raised(function() tl.exec "ls -l" end))
    assert.equal(prefix .. "argv must be a list of strings, not a command line, got nil",
      raised(function() tl.exec() end))
    assert.equal(prefix .. "argv[2] must be a string, got 5",
      raised(function() tl.exec { "sleep", 5 } end))
    assert.equal(prefix .. 'argv[2] must be without NUL bytes, got "a\\0b"',
      raised(function() tl.exec { "echo", "a\0b" } end))
    assert.equal(prefix .. "argv must be a list of strings; options go in the second table, "
      .. 'got "cwd"', raised(function() tl.exec { "ls", cwd = "/" } end))
    assert.equal(prefix .. "argv must be a list of strings; options go in the second table, "
      .. "got 3", raised(function() tl.exec { "ls", [3] = "/" } end))
    assert.equal("HERE: timerlua.run: argv must not be empty",
      raised(function() tl.run {} end))
  end)

  it("may be very long, up to the kernel's limit", function()
    run(function()
      local words = { "sh", "-c", "echo $#", "sh" }
      for i = 1, 20000 do words[#words + 1] = "argument " .. i end
      assert.equal("20000\n", output(words))
      local long = { "true", ("x"):rep(2 ^ 18) }
      local p, message, code = tl.exec(long)
      assert.same({ nil, "exec true: argument list too long", "E2BIG" }, { p, message, code })
    end)
  end)
end)

describe("a program", function()
  local folder

  setup(function() folder = support.shell("mktemp -d").out:match("[^\n]+") end)
  teardown(function() support.shell("rm -rf " .. folder) end)

  local function script(name, text, mode)
    local path = support.write(folder .. "/" .. name, text)
    assert.equal(0, support.shell(("chmod %s %s"):format(mode or "755", path)).code)
    return path
  end

  it("that does not exist is reported, with ENOENT", function()
    run(function()
      assert.same({ nil, "exec nosuch: no such file or directory", "ENOENT" },
        { tl.exec { "nosuch" } })
      assert.same({ nil, "run /nosuch/program: no such file or directory", "ENOENT" },
        { tl.run { "/nosuch/program" } })
      assert.same({ nil, "exec : no such file or directory", "ENOENT" }, { tl.exec { "" } })
    end)
  end)

  it("that may not be run is reported", function()
    run(function()
      local path = script("data", "no program", "644")
      assert.same({ nil, ("exec %s: permission denied"):format(path), "EACCES" },
        { tl.exec { path } })
      assert.same({ nil, "exec /tmp: permission denied", "EACCES" }, { tl.exec { "/tmp" } })
    end)
  end)

  it("without #! is not given to a shell", function()
    run(function()
      local path = script("text", "echo shell\n")
      assert.same({ nil, ("exec %s: exec format error"):format(path), "ENOEXEC" },
        { tl.exec { path } })
      assert.equal("interpreted\n", output { script("sh", "#!/bin/sh\necho interpreted\n") })
    end)
  end)

  it("is looked for in the PATH it gets, otherwise in our own", function()
    run(function()
      script("greet", "#!/bin/sh\necho hello\n")
      local path = "/nosuch:/etc/passwd:" .. folder .. ":/bin"
      assert.equal("hello\n", output({ "greet" }, { env = { PATH = path } }))
      assert.equal("hello\n", output({ "greet" }, { setenv = { PATH = path } }))
      assert.equal("", output({ "env" }, { env = {} }))
      assert.equal("ENOENT", select(3, tl.exec({ "true" }, { env = { PATH = folder } })))
    end)
  end)

  it("in PATH that may not be run is skipped, and reported if there is no other", function()
    run(function()
      script("closed", "#!/bin/sh\n", "644")
      assert.equal("EACCES", select(3, tl.exec({ "closed" },
        { env = { PATH = folder .. ":/nosuch" } })))
      os.execute("mkdir " .. folder .. "/open")
      script("open/closed", "#!/bin/sh\necho open\n")
      assert.equal("open\n", output({ "closed" },
        { env = { PATH = folder .. ":" .. folder .. "/open" } }))
    end)
  end)

  it("is looked for in the working directory by an empty entry of PATH", function()
    run(function()
      script("here", "#!/bin/sh\necho here\n")
      assert.equal("here\n", output({ "here" }, { cwd = folder, env = { PATH = ":/nosuch" } }))
      assert.equal("here\n", output({ "./here" }, { cwd = folder }))
      assert.equal("ENAMETOOLONG", select(3, tl.exec({ "here" },
        { env = { PATH = "/" .. ("x"):rep(5000) } })))
    end)
  end)
end)

describe("the options of tl.exec", function()
  local function refused(opts)
    return (raised(function() tl.exec({ "true" }, opts) end):gsub("^HERE: timerlua.exec: ", ""))
  end

  it("are refused when they are unknown or invalid", function()
    assert.equal("opts must be a table, got 5", refused(5))
    assert.truthy(refused({ sdtin = "null" }):find('an option must be one of .*got "sdtin"'))
    assert.equal('option stdin must be "pipe", "inherit", "null", a descriptor, an io file or a '
      .. 'connection, got "stdout"', refused { stdin = "stdout" })
    assert.equal('option stderr must be "pipe", "inherit", "null", "stdout", a descriptor, an io '
      .. 'file or a connection, got -1', refused { stderr = -1 })
    assert.equal('option cwd must be a string, got true', refused { cwd = true })
    assert.equal('option cwd must be without NUL bytes, got "a\\0"', refused { cwd = "a\0" })
    assert.equal('option env must be a table, got "A=1"', refused { env = "A=1" })
    assert.equal("variable A must be a string, got 1", refused { env = { A = 1 } })
    assert.equal("a name in the environment must be a string, got 1", refused { env = { "A=1" } })
    assert.equal('a name in the environment must not be empty or have an =, got "A=B"',
      refused { setenv = { ["A=B"] = "1" } })
    assert.equal("option uid must be a whole number from 0 to 4294967294, got -1",
      refused { uid = -1 })
    assert.equal('option gid must be a whole number from 0 to 4294967294, got "root"',
      refused { gid = "root" })
    assert.equal("option nice must be a whole number from -20 to 19, got 20", refused { nice = 20 })
    assert.equal("option pgroup must be a whole number from 1 to 2147483647, got 0",
      refused { pgroup = 0 })
    assert.equal("option detached must be true or false, got 1", refused { detached = 1 })
    assert.equal("options detached and pgroup exclude each other",
      refused { detached = true, pgroup = true })
    assert.truthy(refused({ rlimits = { files = 1 } })
      :find('a limit must be one of as, .*got "files"'))
    assert.equal('limit nofile must be a whole number >= 0, "unlimited" or {soft, hard}, got -1',
      refused { rlimits = { nofile = -1 } })
    assert.equal('limit nofile must be a whole number >= 0, "unlimited" or {soft, hard}, got nil',
      refused { rlimits = { nofile = { 5 } } })
    assert.equal("option timeout must be a number >= 0, got -1", refused { timeout = -1 })
    assert.truthy(refused({ kill_after = "soon" }):find "option kill_after must be")
    assert.equal("option on_exit must be a function, got 1", refused { on_exit = 1 })
    assert.equal("option name must be a string, got 1", refused { name = 1 })
  end)

  it("set the working directory, or report a failure", function()
    run(function()
      assert.equal("/usr\n", output({ "pwd" }, { cwd = "/usr" }))
      assert.same({ nil, "exec pwd: cwd /nosuch: no such file or directory", "ENOENT" },
        { tl.exec({ "pwd" }, { cwd = "/nosuch" }) })
    end)
  end)

  it("give the environment, or change ours", function()
    run(function()
      assert.equal("A=1\nB=two words\n", output({ "env" }, { env = { A = "1", B = "two words" } }))
      local home = os.getenv "HOME"
      assert.equal(("%s new none\n"):format(home), output({ "sh", "-c",
        "echo $HOME $NEW ${TIMERLUA:-none}" }, { setenv = { NEW = "new", TIMERLUA = false } }))
    end)
  end)

  it("set the nice value and limits", function()
    run(function()
      assert.equal("7\n", output({ "nice" }, { nice = 7 }))
      assert.equal("33 44\n", output({ "sh", "-c", "echo $(ulimit -Sn) $(ulimit -Hn)" },
        { rlimits = { nofile = { 33, 44 } } }))
      assert.equal("0 55\n", output({ "sh", "-c", "echo $(ulimit -c) $(ulimit -Hn)" },
        { rlimits = { nofile = 55, core = 0 } }))
      local _, message, code = tl.exec({ "true" }, { rlimits = { core = 0, nofile = { 5, 4 } } })
      assert.same({ "exec true: limit nofile: invalid argument", "EINVAL" }, { message, code })
    end)
  end)

  it("set the process group", function()
    run(function()
      local group = [[cut -d " " -f 5 /proc/$$/stat]]
      local p = assert(tl.exec({ "sh", "-c", group }, { pgroup = true, stdout = "pipe" }))
      assert.equal(tostring(p.pid), p.stdout:receive())
      p:wait()
      local leader = assert(tl.exec({ "sleep", "60" }, { pgroup = true }))
      assert.equal(leader.pid .. "\n", output({ "sh", "-c", group }, { pgroup = leader.pid }))
      leader:kill "KILL"
      leader:wait()
      assert.same({ nil, "exec true: pgroup: operation not permitted", "EPERM" },
        { tl.exec({ "true" }, { pgroup = 1 }) })
    end)
  end)

  if support.shell("id -u").out == "0\n" then
    it("set user and group, without our other groups", function()
      run(function()
        assert.equal("65534 65533 65533\n", output({ "sh", "-c",
          "echo $(id -u) $(id -g) $(id -G)" }, { uid = 65534, gid = 65533 }))
      end)
    end)

    it("report that user and group may not be set", function()
      local r = support.run([[
        local ffi = require "ffi"
        ffi.cdef "int setuid(unsigned);"
        ffi.C.setuid(65534)
        local tl = require "timerlua"
        print(tl.exec({ "true" }, { uid = 0 }))
        print(tl.exec({ "true" }, { gid = 1 }))
        print(tl.run({ "true" }, { uid = 65534 }).code)]])
      assert.equal("nil\texec true: uid: operation not permitted\tEPERM\n"
        .. "nil\texec true: gid: operation not permitted\tEPERM\n0\n", r.out)
      assert.equal("", r.err)
    end)
  end
end)

describe("the standard streams", function()
  it("are our own by default", function()
    local r = support.run({ "-e", [[
      local tl = require "timerlua"
      io.write("first ") -- still in our buffer
      assert(tl.exec { "sh", "-c", "cat; echo error >&2" }):wait()
      print "last"]] }, { stdin = "input " })
    assert.same({ "first input last\n", "error\n", 0 }, { r.out, r.err, r.code })
  end)

  it("may be null, a descriptor, a file, standard output", function()
    run(function()
      assert.equal("", output({ "cat" }, { stdin = "null" }))
      assert.equal("out\nerr\n", output({ "sh", "-c", "echo out; echo err >&2" },
        { stderr = "stdout" }))
      local path = support.temporary()
      local file = assert(io.open(path, "w"))
      file:write("before\n")
      local p = assert(tl.exec({ "sh", "-c", "echo out; echo err >&2" },
        { stdout = file, stderr = file }))
      p:wait()
      file:close()
      assert.equal("before\nout\nerr\n", support.read(path))
      file = assert(io.open(path))
      assert.equal("before\nout\nerr\n", output({ "cat" }, { stdin = file }))
      file:close()
      os.remove(path)
    end)
  end)

  it("are right however their descriptors cross", function()
    -- in a process of its own: standard output and error change places
    local r = support.run([[
      local tl = require "timerlua"
      tl.exec({ "sh", "-c", "echo out; echo err >&2" }, { stdout = 2, stderr = 1 }):wait()
      tl.exec({ "sh", "-c", "echo again; echo fine >&2" }, { stdout = 1, stderr = 2 }):wait()]])
    assert.same({ "err\nagain\n", "out\nfine\n" }, { r.out, r.err })
  end)

  it("report a closed descriptor", function()
    run(function()
      assert.same({ nil, "exec true: stderr: bad file descriptor", "EBADF" },
        { tl.exec({ "true" }, { stdout = "pipe", stderr = 3999 }) })
      local p = assert(tl.exec({ "true" }, { stdout = "pipe" }))
      p.stdout:close()
      p:wait()
      assert.equal("HERE: timerlua.exec: option stdin must not be a closed connection",
        raised(function() tl.exec({ "true" }, { stdin = p.stdout }) end))
    end)
  end)

  for _, closed in ipairs { "0", "1", "2", "0 1", "1 2", "0 2", "0 1 2" } do
    it("are right where ours were closed before: " .. closed, function()
      local path = support.temporary()
      local redirections = closed:gsub("(%d) ?", " %1>&-")
      local code = ([[
        local tl = require "timerlua"
        local r = assert(tl.run({ "sh", "-c", "cat; echo err >&2" }, { input = "in" }))
        local file = assert(io.open(%q, "w"))
        file:write(r.stdout, " ", r.stderr, r.code)
        file:close()]]):format(path)
      local r = support.shell(("%s -e %s %s"):format(support.program, support.quote(code),
        redirections))
      assert.same({ "in err\n0", 0 }, { support.read(path), r.code })
      os.remove(path)
    end)
  end

  it("are the only descriptors that a child gets", function()
    run(function()
      local leak = ffi.C.dup(1) -- not close-on-exec
      local file = io.open("/dev/null")
      assert.equal("0 1 2 3\n", output({ "sh", "-c", "echo $(ls /proc/self/fd)" }))
      file:close()
      ffi.C.close(leak)
    end)
  end)
end)

describe("a pipe to a child", function()
  it("is a connection in each direction", function()
    run(function()
      local p = assert(tl.exec({ "cat" }, { stdin = "pipe", stdout = "pipe" }))
      assert.equal(nil, p.stderr)
      p.stdin:send("one\ntwo\nthree")
      assert.equal("one", p.stdout:receive())
      p.stdin:shutdown("send")
      local lines = {}
      for line in p.stdout:lines() do lines[#lines + 1] = line end
      assert.same({ "two", "three" }, lines)
      assert.equal(0, p:wait().code)
    end)
  end)

  it("has a deadline", function()
    run(function()
      local p = assert(tl.exec({ "cat" }, { stdin = "pipe", stdout = "pipe" }))
      p.stdout:settimeout(0.01)
      assert.same({ nil, "timeout", "", "ETIMEDOUT" }, { p.stdout:receive() })
      p.stdin:close()
      p:wait()
    end)
  end)

  it("blocks in the child, whose programs expect that", function()
    run(function()
      -- dd reports bytes that came short or not at all
      local result = tl.run({ "sh", "-c", "(sleep 0.05; cat) | dd bs=1M 2>/dev/null | wc -c" },
        { input = ("x"):rep(2 ^ 20) })
      assert.equal("1048576", result.stdout:match("%d+"))
      assert.equal("", result.stderr)
    end)
  end)

  it("may be handed to the next child", function()
    run(function()
      local first = assert(tl.exec({ "printf", "b\\na\\n" }, { stdout = "pipe" }))
      local second = assert(tl.exec({ "sort" }, { stdin = first.stdout, stdout = "pipe" }))
      assert.is_true(first.stdout:closed())
      assert.equal("a\nb\n", second.stdout:receive("*a"))
      assert.equal(0, first:wait().code)
      assert.equal(0, second:wait().code)
    end)
  end)

  it("is not handed over while it holds bytes", function()
    run(function()
      local first = assert(tl.exec({ "printf", "a\\nb\\n" }, { stdout = "pipe" }))
      first:wait()
      assert.equal("a", first.stdout:receive())
      assert.same({ nil, "exec cat: stdin: device or resource busy", "EBUSY" },
        { tl.exec({ "cat" }, { stdin = first.stdout }) })
      assert.equal("b", first.stdout:receive())
      first.stdout:close()
    end)
  end)

  it("stays ours when the child cannot be started", function()
    run(function()
      local p = assert(tl.exec({ "cat" }, { stdin = "pipe", stdout = "pipe" }))
      assert.equal("ENOENT", select(3, tl.exec({ "nosuch" }, { stdin = p.stdout })))
      p.stdout:settimeout(0.01)
      assert.equal("timeout", select(2, p.stdout:receive()))
      p.stdout:settimeout(10)
      p.stdin:send("still\n")
      assert.equal("still", p.stdout:receive())
      p.stdin:close()
      p:wait()
    end)
  end)
end)

describe("a connection", function()
  it("is handed to a child, which serves it", function()
    run(function()
      local server = assert(tl.listen("127.0.0.1:0", function(conn)
        assert(tl.exec({ "sh", "-c", "read line; echo got $line" },
          { stdin = conn, stdout = conn }))
        assert.is_true(conn:closed())
      end))
      local client = assert(tl.connect(server:sock()))
      client:send("request\n")
      assert.equal("got request", client:receive())
      assert.equal("closed", select(2, client:receive()))
      client:close()
      server:close()
      sockets.till(processes.none_left, "the child's end")
    end)
  end)
end)

describe("the limits of a child", function()
  it("are those of the kernel's names", function()
    sockets.run(function()
      local limits = { cpu = 1001, fsize = 2 ^ 40, data = 2 ^ 41, stack = 2 ^ 24, core = 0,
        nproc = 5003, nofile = 507, memlock = 4096 * 5, as = 2 ^ 42, locks = 509,
        sigpending = 511, msgqueue = 521, rtprio = 0, nice = 0, rttime = 2 ^ 30 }
      local result = assert(tl.run({ "cat", "/proc/self/limits" },
        { rlimits = limits, setenv = { LD_PRELOAD = false } })) -- a sanitizer needs more
      local names = { cpu = "cpu time", fsize = "file size", data = "data size",
        stack = "stack size", core = "core file size", nproc = "processes", nofile = "open files",
        memlock = "locked memory", as = "address space", locks = "file locks",
        sigpending = "pending signals", msgqueue = "msgqueue size", rtprio = "realtime priority",
        nice = "nice priority", rttime = "realtime timeout" }
      for name, value in pairs(limits) do
        local soft, hard = result.stdout:match("Max " .. names[name] .. "%s+(%d+)%s+(%d+)")
        assert.same({ value, value }, { tonumber(soft), tonumber(hard) }, name)
      end
    end)
  end)
end)
