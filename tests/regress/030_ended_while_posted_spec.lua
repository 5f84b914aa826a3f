-- When the last handles ended in the turn in which an event of theirs was still to be
-- reported, the loop waited forever instead of ending.
local support = require "tests.support"

describe("the loop", function()
  it("ends when the handles it was to look at again have ended meanwhile", function()
    local r = support.run([[
      local tl = require "timerlua"
      local server = tl.listen("127.0.0.1:0", { data = function(c, bytes) c:send(bytes) end })
      tl.connect("127.0.0.1:" .. server.port, { handler = {
        open = function(c) c:send("hello") c:shutdown("send") end,
        data = function(_, bytes) io.write(bytes) end,
        eof = function(c) c:close() end,
        close = function() server:close() end } })]], { timeout = 5 })
    assert.equal("", r.err)
    assert.equal("hello", r.out)
    assert.equal(0, r.code)
  end)
end)
