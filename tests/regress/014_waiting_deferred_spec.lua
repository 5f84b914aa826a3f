local support = require "tests.support"

describe("a periodic callback whose deferred function waits", function()
  it("is over only after that: ticks meanwhile are missed, none overlap", function()
    local r = support.run { "--virtual-time", "-e", [==[
      local tl = require "timerlua"
      tl.every(1, function(t)
        tl.defer(function()
          tl.sleep(2.5)
          print("over", t.runs, t.running)
        end)
        print("run", t.runs, t.missed)
        if t.runs == 2 then t:cancel() end
      end)]==] }
    assert.equal("", r.err)
    assert.equal("run\t1\t0\nover\t1\ttrue\nrun\t2\t2\nover\t2\ttrue\n", r.out)
    assert.equal(0, r.code)
  end)
end)
