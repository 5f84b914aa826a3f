-- Any userdata with a method ref was taken for a string.buffer: what it said was sent from
-- the memory of the process, and files raised from inside of our modules.
local hosts = require "tests.support.hosts"
local support = require "tests.support"

describe("an object that is no string.buffer", function()
  it("is refused at the caller's line, whatever it says of itself", function()
    local told = [[
5: timerlua.connection:send: what is sent must be a string, a string.buffer or a list of them
6: timerlua.connection:send: part 1 must be a string or a string.buffer
7: timerlua.connection:receive_into: buffer must be a string.buffer
8: timerlua.udp:send: data must be a string or a string.buffer
]]
    support.says(told .. told, [[
      local a, b, u = tl.socketpair()
      local function refused(value)
        for _, call in ipairs {
          function() a:send(value) end,
          function() a:send { value } end,
          function() b:receive_into(value) end,
          function() u:send(value) end,
        } do
          local _, message = pcall(call)
          print((message:match("^[^\n]-:(%d+: .*), got ")))
        end
      end
      u = tl.udp "127.0.0.1:0"
      local forged = newproxy(true)
      getmetatable(forged).__index = { ref = function() return "abc", 100000 end,
        reserve = function() return "abc", 100000 end, tostring = function() return {} end }
      refused(forged)
      refused(io.stdout)
      a:close() b:close() u:close()]])
  end)
end)

describe("TL_NO_FFI", function()
  it("lets no buffer give away an address", function()
    hosts.edge("buffers")
  end)
end)
