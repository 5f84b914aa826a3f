-- TERM or INT while os.exit was sending the last output crashed the program.
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
end)
