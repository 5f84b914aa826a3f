-- TERM or INT while os.exit was sending the last output crashed the program. A
-- bad argument of os.exit ended all children first, and was then blamed on a
-- file of the runtime.
local support = require "tests.support"

describe("os.exit", function()
  it("is ended by a signal while it sends the last output", function()
    for name, number in pairs { HUP = 1, TERM = 15 } do
      local path = support.temporary [[
        local tl = require "timerlua"
        tl.stdout:send(("x"):rep(200000))
        io.stderr:write("leaving\n")
        os.exit(0)]]
      local err = os.tmpname()
      local r = support.shell(([[mkfifo %s.fifo
        %s %s >%s.fifo 2>%s & program=$!
        exec 3<%s.fifo
        until grep -q leaving %s; do sleep 0.01; done; sleep 0.1
        kill -%s $program; wait $program; echo $?]]):format(path, support.program, path, path,
        err, path, err, name), { timeout = 10 })
      for _, each in ipairs { path, path .. ".fifo", err } do os.remove(each) end
      assert.equal(128 + number, tonumber(r.out:match("%d+")), name .. r.err)
    end
  end)

  it("refuses what is no status, and ends nothing", function()
    local r = support.run [[
      local tl = require "timerlua"
      local p = tl.exec { "sleep", "60" }
      print(pcall(os.exit, {}))
      print(p.status, p:kill("CONT"))
      os.exit("3")]]
    assert.equal("false\tbad argument #1 to 'exit' (number expected, got table)\nnil\ttrue\n",
      r.out)
    assert.equal(3, r.code)
    r = support.run "\n os.exit(print)"
    assert.truthy(r.err:find("(command line):2: bad argument #1 to 'exit'", 1, true), r.err)
    assert.equal(0, support.run "os.exit()".code)
    assert.equal(0, support.run "os.exit(true)".code)
    assert.equal(1, support.run "os.exit(false, true)".code)
    assert.equal(7, support.run "os.exit(7)".code)
  end)
end)
