-- A connection whose callbacks lacked data, open and close had no site: tl.handles raised,
-- and an error in a callback was lost.
local support = require "tests.support"

local NAMES = { "open", "data", "drain", "eof", "error", "close" }

describe("a connection with some of the callbacks", function()
  for i = 0, #NAMES do
    local name = NAMES[i]
    it("is listed, and its errors are told: " .. (name or "none"), function()
      local r = support.run(([[
        local tl = require "timerlua"
        local l = tl.listen("127.0.0.1:0", { open = function(c) c:send "x" c:close() end })
        local name = %q
        local handler = { [name] = function(c)
          for _, row in ipairs(tl.handles()) do tostring(row.site) end
          if name ~= "close" then error "in the callback" end
        end }
        if name == "" then handler = {} end
        local c = tl.connect(l.address, { handler = handler })
        tl.sleep(0)
        for _, row in ipairs(tl.handles()) do tostring(row.site) end
        tl.sleep(0.05)
        print(#tl.handles() > 0, c:closed())
        l:close()]]):format(name or ""), { timeout = 10 })
      assert.equal("true\ttrue\n", r.out)
      local fails = name == "open" or name == "data" or name == "eof"
      assert.equal(fails and 1 or 0, support.count("in the callback", r))
      assert.equal(fails and 1 or 0, r.code)
    end)
  end

  for _, value in ipairs { "5LL", "{}", "io.stdout", "function() end", "false" } do
    it("tells an error whatever its site is: handler = " .. value, function()
      local r = support.run(([[
        local tl = require "timerlua"
        local a, b = tl.socketpair()
        local l = tl.listen("127.0.0.1:0", { data = function(c)
          c.handler = %s
          error "the true error"
        end })
        local c = tl.connect(l.address)
        c:send "x"
        tl.sleep(0.05)
        l:close() c:close() a:close() b:close()]]):format(value), { timeout = 10 })
      assert.equal(1, support.count("the true error", r))
      assert.equal(1, r.code)
    end)
  end
end)
