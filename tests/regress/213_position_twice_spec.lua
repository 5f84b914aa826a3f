-- An error in a generator had its position twice, and once more for each generator around
-- it: "job.lua:1: job.lua:1: x".
local support = require "tests.support"

describe("an error that coroutine.wrap passes on", function()
  it("has one position", function()
    support.says("(command line):2: x\n(command line):3: x\n"
      .. "(command line):4: timerlua.after: delay must be a number >= 0, got -1\n"
      .. "(command line):5: no position\ntrue\n", [[
      print(select(2, pcall(function() coroutine.wrap(function() error("x") end)() end)))
      local function inner() coroutine.wrap(function() error("x") end)() end
      local function misused() coroutine.wrap(function() tl.after(-1, print) end)() end
      local function plain() coroutine.wrap(function() error("no position", 0) end)() end
      local value = {}
      local function object() coroutine.wrap(function() error(value) end)() end
      local function outer(fn) return function() coroutine.wrap(fn)() end end
      print(select(2, pcall(outer(inner))))
      print(select(2, pcall(outer(misused))))
      print(select(2, pcall(plain)))
      print(select(2, pcall(outer(object))) == value)]])
  end)
end)
