-- A number such as 5LL, or a timer, was accepted as a callback and failed when it was called.
local tl = require "timerlua"
local support = require "tests.support"

local LISTEN = "listen: handler must be a function or a table of callbacks"

describe("a cdata as a callback", function()
  local other = tl.after(1, print)
  other:cancel()

  local function refused(message, call)
    assert.equal("HERE: timerlua." .. message, (support.raised(call):gsub(", got .*", "")))
  end

  for _, value in ipairs { 5LL, other } do
    it("is refused at the caller's line: " .. type(value), function()
      refused("after: callback must be a function", function() tl.after(0, value) end)
      refused("every: callback must be a function", function() tl.every(1, value) end)
      refused("at: callback must be a function", function() tl.at(tl.time(), value) end)
      refused("spawn: fn must be a function", function() tl.spawn(value) end)
      refused("on: fn must be a function", function() tl.on("stop", value) end)
      refused("signal: fn must be a function", function() tl.signal("USR1", value) end)
      refused(LISTEN, function() tl.listen(":0", value) end)
      refused("udp: handler must be a function", function() tl.udp(":0", value) end)
      refused("defer: fn must be a function", function() tl.defer(value) end)
      refused("watch: fn must be a function", function() tl.watch(0, "r", value) end)
    end)
  end
end)
