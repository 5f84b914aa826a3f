-- Control bytes in an error's text, which may be a peer's, reached the operator's terminal,
-- and of a table that was raised nothing was told.
local support = require "tests.support"

local CODE = [[
local tl = require "timerlua"
tl.after(0, function()
  error("bad \27[2J\7\r request \194\155 of J\195\188rgen\tx\nnext", 0)
end)]]

describe("the text of an error", function()
  it("has no control bytes on a terminal", function()
    local r = support.shell(("script -qec %s /dev/null"):format(
      support.quote(support.program .. " -e " .. support.quote(CODE))))
    assert.truthy(r.out:find(
      "bad \\x1b[2J\\x07\\x0d request \\xc2\\x9b of J\195\188rgen\tx\r\nnext", 1, true), r.out)
  end)

  it("is written as it is elsewhere", function()
    local r = support.run(CODE)
    assert.truthy(r.err:find("bad \27[2J\7\r request \194\155 of", 1, true), r.err)
  end)

  it("has the fields of a table, in bounds", function()
    local r = support.run [[
      local tl = require "timerlua"
      tl.after(0, function()
        error { code = 7, message = "no\nroom", [1] = {}, ["a b"] = print }
      end)
      tl.after(0.001, function()
        local many = { long = ("x"):rep(10000) }
        for i = 1, 1000 do many["k" .. i] = i end
        error(many)
      end)
      tl.after(0.002, function() error {} end)
      tl.after(0.003, function()
        error(setmetatable({ kind = "odd" }, { __tostring = function() error "no text" end }))
      end)]]
    assert.truthy(r.err:find('{ ["a b"] = function: ', 1, true), r.err)
    assert.truthy(r.err:find('[1] = table, code = 7, message = "no\\nroom" }', 1, true), r.err)
    assert.truthy(r.err:find("{ k%d+ = %d+, k%d+ = [^\n]*, and 993 more }"), r.err)
    assert.truthy(r.err:find("(error object is a table value)", 1, true), r.err)
    assert.truthy(r.err:find('{ kind = "odd" }', 1, true), r.err)
    assert.is_true(#r.err < 5000, #r.err)
  end)
end)
