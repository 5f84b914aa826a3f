local support = require "tests.support"

describe("a task that the script itself resumes", function()
  it("goes on waiting", function()
    local r = support.run [==[
      local tl = require "timerlua"
      tl.clock.virtual()
      local co
      local start = tl.now()
      tl.spawn(function()
        co = coroutine.running()
        tl.sleep(2)
        print("slept", tl.now() - start >= 2)
      end)
      tl.after(1, function() print("resumed", coroutine.resume(co), coroutine.status(co)) end)
]==]
    assert.equal("resumed\tfalse\tsuspended\nslept\ttrue\n", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)
end)
