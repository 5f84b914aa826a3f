-- Misuse of sockets was reported as an error inside the runtime.
local support = require "tests.support"

describe("misuse", function()
  it("was an internal error", function()
    for code, message in pairs {
      ["tl.connect(nil)"] = "timerlua.connect: address must be a text",
      ["tl.udp({})"] = "timerlua.udp: address must be a text",
      ["c.cork()"] = "timerlua.connection:cork: it must be called on a connection",
      ['c:receive_until("[")'] = "timerlua.connection:receive_until: pattern must be well-formed",
      ['c:send({ "ok", {} })'] = "timerlua.connection:send: part 2 must be a string",
      ['c:send("abc", 0/0)'] = "timerlua.connection:send: i must be an integer",
      ['c:send({ "a" }, 2)'] = "timerlua.connection:send: i and j go with a string only",
    } do
      local r = support.run(([[local tl = require "timerlua"
        local l = tl.listen("127.0.0.1:0", function(conn) print(conn:receive("*a")) end)
        local c = tl.connect(l:sock())
        print(pcall(function() %s end))
        c:close() l:close()]]):format(code))
      assert.truthy(r.out:find(message, 1, true), code .. ": " .. r.out .. r.err)
      assert.falsy(r.out:find("ok", 1, true), r.out)
    end
  end)
end)
