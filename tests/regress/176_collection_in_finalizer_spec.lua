-- A finalizer that called collectgarbage could leave the process spinning: compiled code
-- that allocates was entered and left for ever while other finalizers were due. Seen in one
-- of 15 runs of a random driver of the whole API.
local support = require "tests.support"

describe("collectgarbage", function()
  it("does nothing inside a finalizer, as in Lua 5.4", function()
    support.says("0\t0\t0\ttrue\n0\ttrue\n", [[
      local function finalized(fn)
        local done
        do
          local p = newproxy(true)
          getmetatable(p).__gc = function() done = { fn() } end
        end
        collectgarbage()
        collectgarbage()
        return unpack(done)
      end
      local weak = setmetatable({}, { __mode = "k" })
      print(finalized(function()
        weak[{}] = true
        return collectgarbage(), collectgarbage("step"), collectgarbage("restart"),
          next(weak) ~= nil
      end))
      print(collectgarbage(), collectgarbage("count") > 100)]])
  end)

  it("refuses what the standard function refuses", function()
    support.says("x:1: bad argument #1 to 'collectgarbage' (invalid option 'all')\n", [[
      print((select(2, pcall(loadstring("collectgarbage('all')", "=x")))))]])
  end)
end)
