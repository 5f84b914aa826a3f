-- c-ares 1.34 closes a socket in the call that opened it, where sending fails at
-- once; its descriptor was then watched all the same, and the lookup failed with
-- EBADF instead of its cause.
local support = require "tests.support"
local tl = require "timerlua"

describe("a lookup whose name server refuses", function()
  it("failed for a descriptor that was already closed", function()
    local options = { servers = { "127.0.0.1:1" } } -- without a listener
    local _, _, code = tl.resolve("refused.test", options)
    if code == "EOPNOTSUPP" then return pending("this build has no c-ares") end
    local before = support.count_fds()
    for _, family in ipairs { "inet", "inet6" } do
      options.family = family
      local message
      _, message, code = tl.resolve("refused.test", options)
      assert.same({ "resolve refused.test: no name server gave an answer", "ECONNREFUSED" },
        { message, code })
    end
    -- when asked for both at once, c-ares 1.18 gets the refusal too late
    options.family = nil
    _, _, code = tl.resolve("refused.test", options)
    if code ~= "ETIMEDOUT" then assert.equal("ECONNREFUSED", code) end
    assert.equal(before, support.count_fds())
  end)
end)
