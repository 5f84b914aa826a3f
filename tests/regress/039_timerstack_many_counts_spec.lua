-- scripts/descriptors/timerstack_many.lua set -6 timers where few descriptors were
-- left, and one timer where 0 were requested.
local support = require "tests.support"

describe("timerstack_many", function()
  local PATH = "scripts/descriptors/timerstack_many.lua"

  -- "-6 timers are set"
  it("opens as many as there may be", function()
    local r = support.run({ PATH, "100" }, { before = "ulimit -n 14; " })
    local count = tonumber(r.out:match("(%d+) timers are set"))
    assert.is_true(count == 100 or (count >= 4 and count < 14), r.out .. r.err)
    assert.equal(0, r.code)
  end)

  -- "0 timers are set", and one was
  it("refuses invalid counts", function()
    for _, count in ipairs { "0", "0.5", "-1", "many" } do
      local r = support.run { PATH, count }
      assert.truthy(r.err:find("COUNT must be a whole number >= 1", 1, true))
      assert.equal("", r.out)
      assert.equal(1, r.code)
    end
  end)
end)
