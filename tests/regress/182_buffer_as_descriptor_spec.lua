-- LuaJIT 2.1.0-beta3 crashes when it compiles the reading of a field that a string.buffer does
-- not have; so did every function that takes a descriptor, when it was given a buffer often.
local support = require "tests.support"

describe("a string.buffer in the place of a descriptor", function()
  it("is refused, also when the refusal is compiled", function()
    support.says("(command line):4: timerlua.watch: fd must be a descriptor, an io file "
      .. "or have fileno(), got ?\n", [[
      local buffer = require "string.buffer".new()
      local message
      for _ = 1, 1000 do message = select(2, pcall(tl.watch, buffer, "r", print)) end
      print((message:gsub("got .*", "got ?")))]])
  end)
end)
