-- A mask of false was taken for a missing mask.
local select = require "timerlua.select"
local support = require "tests.support"

describe("a mask of false", function()
  it("is refused", function()
    local ep, p, dp = assert(select.epoll()), select.poll(), assert(select.devpoll())
    for _, object in ipairs { ep, p, dp } do
      assert.truthy(support.raised(function() object:register(0, false) end)
        :find("mask must be made of %u+ constants[^\n]*, got false$"))
    end
    ep:close()
    dp:close()
  end)
end)
