-- A connection that was closed while its peer still sent was reset: the peer got a
-- part of the answer and ECONNRESET, or EPIPE, which receive does not return. One
-- that was closed while its queue waited for a peer that waited to send did not end
-- before close_timeout.
local sockets = require "tests.support.sockets"
local tl = require "timerlua"

local REQUEST = ("y"):rep(1e6)

describe("an answer to a client that is still sending", function()
  for _, address in ipairs { "127.0.0.1:0", "unix:@timerlua-110-" } do
    if address:find("unix") then address = address .. math.random(1e9) end

    for noun, answer in pairs { short = "413 too large\n", long = ("x"):rep(6e6) } do
      it(("could be lost: %s, %s"):format(noun, address), function()
        sockets.run(function()
          local listener = assert(tl.listen(address, function(conn)
            conn:receive()
            conn:send(answer)
          end))
          local client = assert(tl.connect(listener:sock()))
          client:send("PUT\n")
          local sender = tl.spawn(function() return client:send(REQUEST), client:flush() end)
          local all, err, _, code = client:receive("*a")
          assert.same({ #answer }, { all and #all, err, code })
          client:close()
          sender:join()
          listener:close()
        end)
      end)

      it(("could wait for it, and neither end: %s, %s"):format(noun, address), function()
        sockets.run(function()
          local listener = assert(tl.listen(address, {
            data = function(conn)
              conn:send(answer)
              conn:close()
            end,
          }))
          local client = assert(tl.connect(listener:sock()))
          client:send(REQUEST)
          assert.is_true(client:flush())
          local all, err, _, code = client:receive("*a")
          assert.same({ #answer }, { all and #all, err, code })
          client:close()
          listener:close()
        end)
      end)
    end
  end
end)
