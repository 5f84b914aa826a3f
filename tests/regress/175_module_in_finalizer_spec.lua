-- A module that was first needed in a finalizer could not be loaded, as LuaJIT refuses
-- jit.off there; a module whose loading a finalizer interrupted, and that the finalizer
-- needed too, stayed half loaded: "loop or previous error loading module".
local support = require "tests.support"

describe("a module of timerlua", function()
  it("loads inside a finalizer, and while finalizers need it", function()
    support.says("true\n\ttrue true true\n", [[
      local armed, loaded = true, true
      local function plant()
        local p = newproxy(true)
        getmetatable(p).__gc = function()
          if not armed then return end
          loaded = pcall(require, "timerlua.timerfd") and loaded
          plant()
        end
      end
      plant()
      collectgarbage()
      print(loaded)
      package.loaded["timerlua.timerfd"] = nil
      for _ = 1, 50 do plant() end
      collectgarbage("setpause", 1)
      collectgarbage("setstepmul", 100000)
      local fd = pcall(require, "timerlua.timerfd")
      local select = pcall(require, "timerlua.select")
      armed = false
      print("", tostring(fd) .. " " .. tostring(select) .. " " .. tostring(loaded))]])
  end)
end)
