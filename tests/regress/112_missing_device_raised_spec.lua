-- An address with the name of a network device that is not there raised an error, as if
-- the script were wrong: devices come and go.
local sockets = require "tests.support.sockets"
local tl = require "timerlua"
local plain = require "timerlua.socket"

local ADDRESS = "[fe80::1%nosuchdev]:9"

describe("an address with a device that is not there", function()
  local function refuses(call, expected)
    it("raised an error: " .. expected:match("^%S+"), function()
      sockets.run(function()
        local result, message, code = call()
        assert.same({ nil, expected, "ENODEV" }, { result, message, code })
      end)
    end)
  end

  refuses(function() return tl.connect(ADDRESS) end,
    "connect [fe80::1%nosuchdev]:9: no such device")
  refuses(function() return tl.listen(ADDRESS, print) end,
    "listen [fe80::1%nosuchdev]:9: no such device")
  refuses(function() return tl.udp(ADDRESS) end, "udp [fe80::1%nosuchdev]:9: no such device")
  refuses(function() return tl.connect("127.0.0.1:9", { local_addr = ADDRESS }) end,
    "connect 127.0.0.1:9: option local_addr: no such device")
  refuses(function() return tl.resolve("localhost", { servers = { ADDRESS } }) end,
    "resolve localhost: no such device")
  refuses(function() return plain.socket(plain.AF_INET6):connect(ADDRESS) end,
    "socket:connect [fe80::1%nosuchdev]:9: no such device")

  for name, call in pairs {
    send = function(udp) return udp:send("x", ADDRESS) end,
    connect = function(udp) return udp:connect(ADDRESS) end,
    join = function(udp) return udp:join("ff02::1%nosuchdev") end,
  } do
    it("raised an error: udp:" .. name, function()
      sockets.run(function()
        local udp = assert(tl.udp())
        local result, message, code = call(udp)
        assert.same({ nil, "no such device", "ENODEV" }, { result, message, code })
        udp:close()
      end)
    end)
  end

  it("raised an error: a handler of tl.connect is told", function()
    sockets.run(function()
      local told
      tl.connect(ADDRESS, { handler = { error = function(_, message, code)
        told = { message, code }
      end } })
      sockets.till(function() return told end)
      assert.same({ "connect [fe80::1%nosuchdev]:9: no such device", "ENODEV" }, told)
    end)
  end)
end)
