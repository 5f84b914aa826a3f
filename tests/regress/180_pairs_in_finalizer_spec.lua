-- A loop over pairs() that was compiled, and in a finalizer met values of another type, went
-- round for ever in LuaJIT 2.1.0-beta3: the process stood still at 100 %.
local support = require "tests.support"

describe("a module's loop over a table", function()
  it("ends in a finalizer, too", function()
    support.says("true\n", [[
      local select = require "timerlua.select"
      local fields, odd = { ident = 1, filter = -1, flags = 1, data = 1 }, { [1] = 5LL }
      for _ = 1, 200 do select.kevent(fields) end
      local done
      getmetatable(newproxy(true)).__gc = function()
        for _, list in ipairs { {}, odd, { ident = "x" }, { ident = {} } } do
          pcall(select.kevent, list)
        end
        done = true
      end
      collectgarbage()
      print(done)]], { timeout = 20 })
  end)

  it("is never one that LuaJIT knows by its name", function()
    local r = support.shell("grep -rnE 'in *(pairs *[({]|next *,)' lua")
    assert.equal("", r.out)
  end)
end)
