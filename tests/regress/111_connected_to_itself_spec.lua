-- A client that tried a local port again and again until somebody listened on it could
-- get that very port from the kernel, and was then connected to itself.
local sockets = require "tests.support.sockets"
local tl = require "timerlua"

local function free_port(host)
  local listener = assert(tl.listen(host .. ":0", function() end))
  local port = listener.port
  listener:close()
  return ("%s:%d"):format(host, port), port
end

describe("a client of a port that nobody listens on", function()
  for _, host in ipairs { "127.0.0.1", "[::1]" } do
    it("could be its own server: " .. host, function()
      sockets.run(function()
        local address = free_port(host)
        local conn, message, code = tl.connect(address, { local_addr = address })
        assert.same({ nil, ("connect %s: connection refused"):format(address), "ECONNREFUSED" },
          { conn, message, code })
        -- the port is free again: the connection to itself left nothing in the kernel
        local listener = assert(tl.listen(address, function() end, { reuseaddr = false }))
        listener:close()
      end)
    end)
  end

  it("could be its own server by the unspecified address", function()
    sockets.run(function()
      local _, port = free_port("127.0.0.1")
      local conn, _, code = tl.connect("0.0.0.0:" .. port,
        { local_addr = "127.0.0.1:" .. port })
      assert.same({ nil, "ECONNREFUSED" }, { conn, code })
    end)
  end)
end)
