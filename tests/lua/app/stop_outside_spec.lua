-- A stop that comes from outside.
local support = require "tests.support"
local tl = require "timerlua"
local virtual = require "tests.support.virtual"
local clock = tl.clock

local log, note = virtual.log, virtual.note

virtual.each(before_each, after_each)

describe("D29: a stop from outside", function()
  it("wakes a waiting script by signal, runs stop handlers, ends by the signal", function()
    for signal, number in pairs { TERM = 15, INT = 2 } do
      local r = support.run(([[
        local tl = require "timerlua"
        tl.on("stop", function(reason) tl.sleep(0.01) print("stop", reason) end)
        tl.after(0, function() io.popen("kill -%s $PPID"):close() end)
        tl.after(100, function() print "never" end)]]):format(signal), { timeout = 20 })
      assert.same({ "stop\tSIG" .. signal .. "\n", 128 + number }, { r.out, r.code })
      assert.is_nil(r.err:find("timerlua", 1, true))
    end
  end)

  it("wakes a script that sleeps in the kernel", function()
    local r = support.run([[
      local tl = require "timerlua"
      local self = io.popen("echo $PPID"):read("*n")
      os.execute("(sleep 0.1; kill -TERM " .. self .. ") &")
      tl.sleep(100)]], { timeout = 20 })
    assert.same({ "", 143 }, { r.out, r.code })
    assert.is_nil(r.err:find("timerlua", 1, true))
  end)

  it("ends a script that hangs in its stop handler, by a second signal", function()
    local r = support.run([[
      local tl = require "timerlua"
      tl.on("stop", function()
        io.write("stopping ")
        io.flush()
        tl.after(0, function() io.popen("kill -INT $PPID"):close() end)
        tl.sleep(100)
        print "never"
      end)
      tl.after(0, function() os.execute("kill -TERM $PPID") end)
      tl.sleep(100)]], { timeout = 20 })
    assert.equal("stopping ", r.out:sub(1, 9))
    assert.is_nil(r.out:find("never"))
    assert.is_true(r.code == 130 or r.code == 143)
  end)

  it("is not mistaken for the end of a wait when it is just an interruption", function()
    local r = support.run([[
      local tl = require "timerlua"
      local self, start = io.popen("echo $PPID"):read("*n"), tl.now()
      os.execute(("(for i in 1 2 3; do sleep 0.03; kill -STOP %d; kill -CONT %d; done) &")
        :format(self, self))
      tl.sleep(0.25)
      local waited = tl.now() - start
      print(waited >= 0.25, waited < 5)]], { timeout = 20 })
    assert.same({ "true\ttrue\n", "", 0 }, { r.out, r.err, r.code })
  end)

  it("before run ends that run, and only that", function()
    tl.after(1, note "x")
    tl.stop()
    tl.run()
    assert.same({}, log)
    tl.run()
    assert.same({ "x" }, log)
  end)

  it("in a callback ends the run after it, and no sooner than the batch's turn", function()
    tl.after(1, function()
      tl.stop(7)
      log[#log + 1] = "stopping"
    end)
    tl.after(2, note "never")
    assert.equal(7, (tl.run()))
    assert.same({ "stopping" }, log)
    tl.run()
    assert.same({ "stopping", "never" }, log)
  end)

  it("does not lose a wake-up that came before the wait", function()
    clock.real()
    local core = require "timerlua.core.ffi"
    for _ = 1, 3 do core.C.tl_loop_wake(core.loop, 0) end
    tl.after(0.005, note "x")
    tl.run()
    assert.same({ "x" }, log)
  end)
end)
