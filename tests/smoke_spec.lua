local support = require "tests.support"

describe("the program", function()
  it("runs a script's timers and ends by itself", function()
    local r = support.run { "scripts/hello.lua" }
    assert.equal("", r.err)
    assert.equal(0, r.code)
    assert.truthy(r.out:find("once, after 0.35 s", 1, true))
  end)
end)

describe("the module", function()
  it("runs virtual time in a plain luajit", function()
    local tl = require "timerlua"
    tl.clock.virtual()
    local seen = {}
    local timer = tl.every(1, function(t) seen[#seen + 1] = t.runs end)
    tl.clock:advance(3)
    timer:cancel()
    assert.same({ 1, 2, 3 }, seen)
  end)
end)
