-- Wrong usage of scripts/supervisor.lua ended in a traceback.
local support = require "tests.support"

describe("scripts/supervisor.lua", function()
  it("raised without a program", function()
    local r = support.run { "scripts/supervisor.lua" }
    assert.equal("supervisor.lua: usage: timerlua scripts/supervisor.lua program "
      .. "[argument ...]\n", r.err)
    assert.equal(2, r.code)
  end)

  it("raised when the program does not exist", function()
    local r = support.run { "scripts/supervisor.lua", "/nosuch", "program" }
    assert.equal("supervisor.lua: exec /nosuch: no such file or directory\n", r.err)
    assert.equal(1, r.code)
  end)
end)
