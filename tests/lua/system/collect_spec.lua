-- tl.run with a program: its input, its output, its end.
local processes = require "tests.support.processes"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

local raised = support.raised
local run = processes.run

local function shell(code, opts)
  return tl.run({ "sh", "-c", code }, opts)
end

describe("tl.run of a program", function()
  it("collects output and status", function()
    run(function()
      local r = assert(shell "echo out; echo err >&2; exit 3")
      assert.same({ "out\n", "err\n", 3, nil, false, false },
        { r.stdout, r.stderr, r.code, r.signal, r.timed_out, r.open })
      assert.is_true(r.max_rss > 0)
      r = assert(shell "kill -USR1 $$")
      assert.same({ "", nil, "SIGUSR1" }, { r.stdout, r.code, r.signal })
    end)
  end)

  it("names itself when the program cannot be started", function()
    run(function()
      assert.same({ nil, "run nosuch: no such file or directory", "ENOENT" },
        { tl.run { "nosuch" } })
    end)
  end)

  it("gives input, whatever its size, while it reads output", function()
    run(function()
      local input = {}
      for i = 1, 300000 do input[i] = i end
      input = table.concat(input, "\n")
      local r = assert(tl.run({ "cat" }, { input = input }))
      assert.is_true(r.stdout == input)
      r = assert(tl.run({ "wc", "-c" }, { input = "" }))
      assert.equal("0\n", r.stdout)
    end)
  end)

  it("accepts a program that leaves its input unread", function()
    run(function()
      local r = assert(shell("echo fine", { input = ("x"):rep(2 ^ 20) }))
      assert.same({ "fine\n", 0 }, { r.stdout, r.code })
    end)
  end)

  it("gives no input, and other streams, if asked to", function()
    run(function()
      local r = assert(tl.run { "cat" })
      assert.same({ "", "", 0 }, { r.stdout, r.stderr, r.code })
      r = assert(shell("echo out; echo err >&2", { stderr = "stdout" }))
      assert.same({ "out\nerr\n", nil }, { r.stdout, r.stderr })
      r = assert(shell("echo out", { stdout = "null" }))
      assert.equal(nil, r.stdout)
    end)
  end)

  it("takes every byte", function()
    run(function()
      local bytes = {}
      for i = 0, 255 do bytes[i + 1] = string.char(i) end
      bytes = table.concat(bytes):rep(100)
      assert.is_true(tl.run({ "cat" }, { input = bytes }).stdout == bytes)
    end)
  end)

  it("ends it when its time is over, and keeps its output", function()
    run(function()
      local r = assert(shell("echo begun; exec sleep 60", { timeout = 0.1 }))
      assert.same({ "begun\n", "SIGTERM", true }, { r.stdout, r.signal, r.timed_out })
      r = assert(shell("trap '' TERM; while :; do sleep 0.01; done",
        { timeout = 0.1, kill_after = 0.1 }))
      assert.same({ "SIGKILL", true }, { r.signal, r.timed_out })
    end)
  end)

  it("does not wait forever for a child's child that keeps the pipe", function()
    run(function()
      local start = tl.now()
      local r = assert(shell "sleep 60 & echo $!")
      assert.is_true(tl.now() - start < 10)
      assert.same({ 0, true }, { r.code, r.open })
      local grandchild = tonumber(r.stdout)
      assert.is_true(processes.alive(grandchild))
      support.shell("kill " .. grandchild)
    end)
  end)

  it("ends it when it writes too much, and reports that", function()
    run(function()
      local result, message, code, partial = tl.run({ "yes" }, { limit = 100000 })
      assert.same({ nil, "run yes: more than 100000 bytes of output", "EMSGSIZE" },
        { result, message, code })
      assert.is_true(#partial.stdout > 100000 and #partial.stdout < 300000)
      assert.truthy(partial.signal == "SIGTERM" or partial.signal == "SIGPIPE")
      assert.equal(10, #assert(shell("printf 0123456789", { limit = 10 })).stdout)
    end)
  end)

  it("ends it when the call is cancelled or out of time", function()
    run(function()
      local path = support.temporary()
      local code = ("echo $$ >%s; exec sleep 60"):format(path)
      local running = tl.spawn(shell, code)
      local pid = processes.pid_in(path)
      running:cancel()
      sockets.till(function() return not processes.alive(pid) end, "its end")
      os.remove(path)
      assert.equal("timeout", select(2, tl.timeout(0.1, shell, code)))
      pid = processes.pid_in(path)
      sockets.till(function() return not processes.alive(pid) end, "its end")
      os.remove(path)
      sockets.till(processes.none_left)
    end)
  end)

  it("refuses invalid arguments", function()
    local function refused(opts)
      return (raised(function() tl.run({ "true" }, opts) end):gsub("^HERE: timerlua.run: ", ""))
    end
    assert.equal("option input must be a string, got 5", refused { input = 5 })
    assert.equal("options input and stdin exclude each other",
      refused { input = "", stdin = "null" })
    assert.equal('option stdin must not be "pipe": use input', refused { stdin = "pipe" })
    assert.equal("option limit must be a number of bytes >= 0, got -1", refused { limit = -1 })
    assert.truthy(refused({ inptu = "" }):find 'an option must be one of .*got "inptu"')
    assert.equal('argv must be a list of strings, not a command line, got "ls"',
      (raised(function() tl.run "ls" end):gsub("^HERE: timerlua.run: ", "")))
  end)

  it("may be called many times at once", function()
    run(function()
      local tasks = {}
      for i = 1, 40 do
        tasks[i] = tl.spawn(tl.run, { "sh", "-c", "cat; exit " .. i }, { input = "in " .. i })
      end
      for i, t in ipairs(tasks) do
        local r = assert(t:join())
        assert.same({ "in " .. i, i }, { r.stdout, r.code })
      end
    end)
  end)

  it("works in the main chunk of a plain luajit", function()
    local r = assert(shell("cat; exit 4", { input = "in" }))
    assert.same({ "in", 4 }, { r.stdout, r.code })
  end)
end)
