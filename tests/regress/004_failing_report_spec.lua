local support = require "tests.support"

describe("an error that is hard to report", function()
  it("is reported beside the error of its handler", function()
    local r = support.run [==[
      local tl = require "timerlua"
      tl.on("error", function() error("handler broke") end)
      tl.after(0, function() error("original") end)
]==]
    assert.equal("", r.out)
    assert.truthy(r.err:find("handler broke", 1, true), r.err)
    assert.truthy(r.err:find("original", 1, true), r.err)
    assert.equal(1, r.code)
  end)

  it("does not keep a task from ending", function()
    local r = support.run [==[
      local tl = require "timerlua"
      local bad = setmetatable({}, { __tostring = function() error "x" end })
      local t = tl.spawn(function()
        tl.defer(print, "deferred")
        tl.defer(function() error(bad) end)
        return 5
      end)
      print(t:join())
]==]
    assert.equal("deferred\n5\n", r.out)
    assert.truthy(r.err:find("(error object is a table value)", 1, true), r.err)
    assert.equal(1, r.code)
  end)

  it("does not need io.stderr to be what it was", function()
    local r = support.run [==[
      io.stderr = nil
      require("timerlua").after(0, function() error("original") end)
]==]
    assert.equal("", r.out)
    assert.truthy(r.err:find("original", 1, true), r.err)
    assert.equal(1, r.code)
  end)
end)
