-- The options of listen and udp were read again between the making of the socket and
-- its use: a metamethod that raised then left the descriptor open, and one that gave a
-- number for multicast_interface made the core read that address.
local sockets = require "tests.support.sockets"
local tl = require "timerlua"

-- Options with one that says something else each time.
local function changing(name, first, later)
  local reads = 0
  return setmetatable({}, { __index = function(_, key)
    if key ~= name then return nil end
    reads = reads + 1
    if reads == 1 then return first end
    return later()
  end })
end

local function raises() error("read again") end

describe("an option that changes", function()
  it("could leave the descriptor of a listener open", function()
    sockets.run(function()
      local listener = assert(tl.listen("127.0.0.1:0", print, changing("nodelay", true, raises)))
      listener:close()
    end)
  end)

  it("could leave the descriptor of a datagram socket open", function()
    sockets.run(function()
      local udp = assert(tl.udp("127.0.0.1:0", nil, changing("ttl", 5, raises)))
      assert.equal(5, udp:getoption("ttl"))
      udp:close()
    end)
  end)

  it("could be read as an address in memory", function()
    sockets.run(function()
      local opts = changing("multicast_interface", "lo", function() return 1 end)
      local udp = assert(tl.udp("127.0.0.1:0", nil, opts))
      udp:close()
    end)
  end)
end)
