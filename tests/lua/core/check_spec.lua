-- Checks of the arguments of scripts: lua/timerlua/core/check.lua.
local check = require "timerlua.core.check"
local support = require "tests.support"

local function raised(fn, ...)
  local arguments = { n = select("#", ...), ... }
  return support.raised(function() fn(unpack(arguments, 1, arguments.n)) end)
end

describe("a check of", function()
  it("an object raises for anything of another class", function()
    local Door = {}
    Door.__index = Door
    local check_self = check.self_of(Door, "door", "a door")
    check_self(setmetatable({}, Door), "open")
    for _, other in ipairs { 1, "door", {}, Door, false } do
      assert.equal("HERE: timerlua.door:open: it must be called on a door, as door:open(), got "
        .. require "timerlua.core.misuse".show(other), raised(check_self, other, "open"))
    end
    assert.equal("HERE: timerlua.gate.door:shut: it must be called on a door, as d:shut(), got nil",
      raised(check.self_of(Door, "gate.door", "a door", "d"), nil, "shut"))
  end)

  it("a whole number raises for fractions, infinity, NaN, texts and outliers", function()
    for _, value in ipairs { 1, 2, 10 } do
      assert.equal(value, check.whole("f", "n", value, 1, 10))
      assert.equal(value, check.integer("f", "n", value, 1))
    end
    for _, value in ipairs { 0, 11, 1.5, -1, 1 / 0, 0 / 0, "3", true } do
      local got = ", got " .. require "timerlua.core.misuse".show(value)
      assert.equal("HERE: timerlua.f: n must be a whole number from 1 to 10" .. got,
        raised(check.whole, "f", "n", value, 1, 10))
    end
    assert.equal("HERE: timerlua.f: n must be a whole number >= 1, got 0",
      raised(check.whole, "f", "n", 0, 1))
    assert.equal("HERE: timerlua.f: n must be an integer from 0 to 4294967295, got -1",
      raised(check.integer, "f", "n", -1, 0, 2 ^ 32 - 1))
    assert.is_false(check.is_whole(-1 / 0, -1 / 0))
  end)

  it("a boolean raises for anything else", function()
    assert.is_false(check.boolean("f", "option x", false))
    assert.equal("HERE: timerlua.f: option x must be true or false, got 1",
      raised(check.boolean, "f", "option x", 1))
  end)

  it("options raises for an unknown name, and suggests the nearest", function()
    local known = { after = true, every = true }
    local given = { every = 1 }
    assert.same(given, check.options("f", given, known))
    assert.same({}, check.options("f", nil, known))
    assert.equal("HERE: timerlua.f: an option must be one of after, every, got "
      .. '"evry"; did you mean "every"?', raised(check.options, "f", { evry = 1 }, known))
    assert.equal('HERE: timerlua.f: an option must be one of after, every, got "colour"',
      raised(check.options, "f", { colour = 1 }, known))
    assert.equal("HERE: timerlua.f: an option must be one of after, every, got 1",
      raised(check.options, "f", { "every" }, known))
    assert.equal("HERE: timerlua.f: opts must be a table, got 5",
      raised(check.options, "f", 5, known))
    assert.equal("HERE: timerlua.f: options must be a table, got 5",
      raised(check.options, "f", 5, known, "options"))
  end)
end)
