-- The example scripts that start programs.
local processes = require "tests.support.processes"
local server = require "tests.support.server"
local support = require "tests.support"

local folder

setup(function() folder = support.shell("mktemp -d").out:match("[^\n]+") end)
teardown(function() support.shell("rm -rf " .. folder) end)

local function program(name, text)
  local path = support.write(folder .. "/" .. name, "#!/bin/sh\n" .. text)
  assert.equal(0, support.shell("chmod 755 " .. path).code)
  return path
end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  return lines
end

describe("the ping poller", function()
  local function poll(ping, ...)
    local words = {}
    for _, host in ipairs { ... } do words[#words + 1] = support.quote(host) end
    local r = support.shell(("PING=%s %s scripts/ping_poller.lua %s"):format(
      support.quote(ping), support.program, table.concat(words, " ")), { timeout = 60 })
    assert.equal("", r.err)
    assert.equal(0, r.code)
    local lines = lines_of(r.out)
    table.sort(lines)
    return lines
  end

  it("prints the measurement of the command, for each host", function()
    local ping = program("answers", [[
      echo "PING $2"
      echo "64 bytes from $2: icmp_seq=1 ttl=64 time=0.0${2#h} ms"]])
    assert.same({ "h1, try 1: 0.01 ms", "h2, try 1: 0.02 ms" }, poll(ping .. " -x", "h1", "h2"))
  end)

  it("ends a command that is late, and tries again", function()
    local ping = program("late", ([[
      echo "PING $1"
      echo $$ >>%s/pids
      test -e %s/once && echo "time=5 ms" && exit
      touch %s/once
      trap '' TERM
      while :; do sleep 0.05; done]]):format(folder, folder, folder))
    assert.same({ "h, try 1: timeout", "h, try 2: 5 ms" }, poll(ping, "h"))
    local count = 0
    for pid in support.read(folder .. "/pids"):gmatch("%d+") do
      count = count + 1
      assert.is_false(processes.alive(pid))
    end
    assert.equal(2, count)
  end)

  it("gives up after three tries", function()
    local ping = program("fails", "echo unreachable; exit 1")
    assert.same({ "h, try 1: no answer (1)", "h, try 2: no answer (1)", "h, try 3: no answer (1)" },
      poll(ping, "h"))
  end)
end)

describe("the supervisor", function()
  it("starts a program again, later and later, and gives up in the end", function()
    local path = program("fails", "date +%s.%N; exit 3")
    local r = support.run({ "scripts/supervisor.lua", path }, { timeout = 60 })
    assert.same({ "", 1 }, { r.err, r.code })
    local starts = {}
    for _, line in ipairs(lines_of(r.out)) do -- the first may be before "started"
      if line:find("^%d+%.%d+$") then starts[#starts + 1] = tonumber(line) end
    end
    assert.equal(5, #starts)
    for i, pause in ipairs { 0.05, 0.1, 0.2, 0.4 } do
      assert.is_true(starts[i + 1] - starts[i] >= pause - 0.001, r.out)
    end
    assert.equal(5, select(2, r.out:gsub("ended by status 3\n", "")))
    assert.truthy(r.out:find "given up\nstopped\n$")
  end)

  it("ends the program before itself", function()
    local s = server.command(("%s scripts/supervisor.lua %s"):format(support.program,
      program("stays", "trap 'echo bye; exit' TERM; echo ready; while :; do sleep 0.01; done")))
    s:await "ready\n"
    local child = tonumber(s:await "%((%d+)%)")
    local result = s:stop()
    assert.equal(143, result.code) -- the shell may report that its sleep was ended
    assert.truthy(result.out:find "bye\nstopped\n$")
    assert.is_false(processes.alive(child))
  end)

  it("ends a program that ignores TERM by KILL", function()
    local s = server.command(("%s scripts/supervisor.lua %s"):format(support.program,
      program("ignores", "trap '' TERM; echo ready; while :; do sleep 0.01; done")))
    s:await "ready\n"
    local child = tonumber(s:await "%((%d+)%)")
    local result = s:stop()
    assert.same({ "", 143 }, { result.err, result.code })
    assert.is_false(processes.alive(child))
  end)

  it("restarts a program that a signal ended", function()
    local s = server.command(("%s scripts/supervisor.lua sleep 60"):format(support.program))
    local child = s:await("%((%d+)%)\n")
    support.shell("kill -KILL " .. child)
    local other = s:await("ended by SIGKILL\nstarted sleep %((%d+)%)\n")
    assert.is_true(processes.alive(other))
    assert.equal(143, s:stop().code)
    assert.is_false(processes.alive(other))
  end)

  it("reports that the program does not exist", function()
    local r = support.run { "scripts/supervisor.lua", "nosuch" }
    assert.truthy(r.err:find("exec nosuch: no such file or directory", 1, true))
    assert.equal(1, r.code)
  end)
end)
