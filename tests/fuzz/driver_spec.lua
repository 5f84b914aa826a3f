-- A few runs of the random driver of the whole API; `make fuzz` and `make api-fuzz` run more.
-- TEST_SEED=n repeats a run.
local support = require "tests.support"

local STEPS = support.sanitized and 100 or 300

describe("the whole API, used at random", function()
  for _, seed in ipairs(support.seeds(4)) do
    it(("withstands seed %d"):format(seed), function()
      local r = support.shell(("LIMIT=150 SPIN=100 tests/fuzz/run %s 1 %d %d"):format(
        support.program, STEPS, seed), { timeout = 200 })
      assert.equal("1 passed, 0 failed\n", r.out)
      assert.equal(0, r.code)
    end)
  end

  it("tells what is wrong, and the command that repeats it", function()
    local path = support.temporary [[
      print "wrong"
      os.exit(3)]]
    local r = support.shell(("DRIVE=%s tests/fuzz/run %s 1 10 7"):format(path, support.program))
    os.remove(path)
    assert.equal(("wrong\nseed 7: status 3\nagain: %s %s 7 10 trace\n0 passed, 1 failed\n")
      :format(support.program, path), r.out)
    assert.equal(1, r.code)
  end)

  it("ends a run that holds the thread", function()
    local path = support.temporary "while true do end"
    local r = support.shell(("SPIN=1 DRIVE=%s tests/fuzz/run %s 1 10 7"):format(path,
      support.program))
    os.remove(path)
    assert.truthy(r.out:find("seed 7: killed, after 61 s or 1 s of processor time", 1, true),
      r.out)
  end)
end)
