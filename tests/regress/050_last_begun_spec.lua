-- The last process that a callback had started was kept alive forever.
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

describe("a process that a callback has started", function()
  it("was kept in memory after its end", function()
    sockets.run(function()
      local kept = setmetatable({}, { __mode = "k" })
      tl.after(0, function() kept[tl.exec { "true" }] = true end)
      sockets.till(function() return next(kept) and next(kept).status end, "its end")
      sockets.turns(3)
      support.collect()
      assert.is_nil(next(kept))
    end)
  end)
end)
