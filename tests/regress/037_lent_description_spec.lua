-- If standard output or input could not be opened a second time, and its description
-- was made non-blocking, a child that shared it lost output ("Resource temporarily
-- unavailable") or could not read.
local support = require "tests.support"
local faults = require "tests.support.faults"

describe("a description that cannot be opened a second time", function()
  setup(faults.setup)
  teardown(faults.teardown)

  local function run(command, code)
    local path = support.temporary([[
      local tl = require "timerlua"
      local function start(text, opts)
        opts = opts or {}
        opts.setenv = { LD_PRELOAD = false }
        return assert(tl.exec({ "sh", "-c", text }, opts))
      end
      local last, worst = tl.now(), 0
      tl.every(0.01, function()
        worst = math.max(worst, tl.now() - last)
        last = tl.now()
      end):unref()
    ]] .. code .. '\nio.stderr:write(worst < 0.3 and "turning" or "held")')
    command = command:gsub("SCRIPT", function() return support.program .. " " .. path end)
      :gsub("PLAIN", "LD_PRELOAD=")
    local r = faults.run_command("sh -c " .. support.quote(command), "open", 1, "EACCES",
      { times = 1000, timeout = 20 })
    os.remove(path)
    return r
  end

  local READER = "SCRIPT | (PLAIN sleep 0.5; PLAIN wc -c)"

  it("blocks for a child, which loses nothing", function()
    local r = run(READER, [[
      tl.stdout:send("a\n")
      local p = start "seq 1 100000; echo $? >&2"
      tl.sleep(0.05)
      tl.stdout:send(("x"):rep(200000))
      p:wait()]])
    assert.equal("0\nturning", r.err)
    assert.equal(2 + 588895 + 200000, tonumber(r.out))
  end)

  it("stays so where it is used only after the child began", function()
    local r = run(READER, [[
      local p = start "sleep 0.1; seq 1 100000; echo $? >&2"
      tl.stdout:send(("x"):rep(200000))
      p:wait()]])
    assert.equal("0\nturning", r.err)
    assert.equal(588895 + 200000, tonumber(r.out))
  end)

  it("blocks for a child that reads", function()
    local r = run("(PLAIN sleep 0.1; echo one; PLAIN sleep 0.2; echo two) | SCRIPT", [[
      print(tl.stdin:receive())
      start("read line; echo $line $?", { stdin = "inherit" }):wait()
      print(tl.stdin:receive())]])
    assert.equal("turning", r.err)
    assert.equal("one\ntwo 0\nnil\tclosed\t\tEOF\n", r.out)
  end)

  it("is as before for a child that shares no stream", function()
    local r = run(READER, [[
      tl.stdout:send(("x"):rep(200000))
      start("exit 3", { stdin = "pipe", stdout = "pipe", stderr = "pipe" }):wait()]])
    assert.equal("turning", r.err)
    assert.equal(200000, tonumber(r.out))
  end)
end)
