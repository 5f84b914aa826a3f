-- The output of a child that was given descriptor 1 or tl.stdout came before the bytes
-- queued for it, or the child got the stream handed over. A slow reader of standard
-- output held the whole loop at each tl.exec, even if the child did not share the
-- stream.
local support = require "tests.support"

local function shell(command, code)
  local path = support.temporary('local tl = require "timerlua"\n' .. code)
  local r = support.shell((command:gsub("SCRIPT", function()
    return support.program .. " " .. path
  end)), { timeout = 10 })
  os.remove(path)
  return r
end

-- The longest time that the loop did not turn is written to standard error.
local WATCHED = [[
  local last, worst = tl.now(), 0
  tl.every(0.01, function()
    worst = math.max(worst, tl.now() - last)
    last = tl.now()
  end):unref()
  tl.stdout:send(("x"):rep(200000))
  tl.sleep(0.05)
]]

describe("a child", function()
  for how, opts in pairs {
    ["that inherits"] = "{}",
    ["with numbers"] = "{ stdout = 1, stderr = 2 }",
    ["with another's number"] = "{ stdout = 'null', stderr = 1 }",
    ["with io files"] = "{ stdout = io.stdout, stderr = io.stderr }",
    ["with tl.stdout"] = "{ stdout = tl.stdout, stderr = tl.stderr }",
  } do
    it("comes after earlier output, " .. how, function()
      local r = shell("SCRIPT 2>&1 | cat", [[
        tl.stdout:send("first\n")
        print("second")
        tl.stderr:send("third\n")
        tl.exec({ "sh", "-c", "echo fourth; echo fourth >&2" }, ]] .. opts .. [[):wait()
        tl.stdout:send("fifth\n")]])
      assert.equal("first second third fourth fifth", (r.out:gsub("fourth\nfourth", "fourth")
        :gsub("\n$", ""):gsub("\n", " ")))
    end)
  end

  it("without a share of the output does not wait for its reader", function()
    local r = shell("SCRIPT | (sleep 0.5; wc -c)", WATCHED .. [[
      local begun = tl.now()
      tl.exec({ "true" }, { stdout = "null", stderr = "null" }):wait()
      io.stderr:write(tl.now() - begun < 0.4 and "soon" or "late")]])
    assert.equal("soon", r.err)
    assert.equal(200000, tonumber(r.out))
  end)

  it("with a share of the output waits, while the loop goes on", function()
    local r = shell("SCRIPT | (sleep 0.5; tail -c 8)", WATCHED .. [[
      tl.exec({ "echo", "child" }):wait()
      io.stderr:write(worst < 0.3 and "turning" or "held")]])
    assert.equal("turning", r.err)
    assert.equal("xxchild\n", r.out)
  end)

  it("waits no longer than its task", function()
    local r = shell("SCRIPT | (sleep 0.5; tail -c 4)", WATCHED .. [[
      local _, _, code = tl.timeout(0.05, tl.exec, { "echo", "child" })
      io.stderr:write(tostring(code))
      tl.after(0.05, function() tl.stdout:send("\nend") end)]])
    assert.equal("ETIMEDOUT", r.err)
    assert.equal("\nend", r.out)
  end)
end)
