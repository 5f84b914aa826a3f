-- The queue of bytes that are still to be sent.
local sockets = require "tests.support.sockets"
local tl = require "timerlua"

local run, turns = sockets.run, sockets.turns

-- A position-dependent checksum, taken piece by piece.
local function checksum(sum, bytes)
  for i = 1, #bytes, 997 do sum = (sum * 31 + bytes:byte(i) + #bytes) % 2 ^ 40 end
  return sum
end

for _, edge in ipairs { false, true } do
  local mode = edge and " (edge)" or ""

  describe("D27: a queue" .. mode, function()
    it("of 100 MB reaches a slow reader whole and in order", function()
      run(function()
        local a, b = sockets.pair { edge = edge }
        local sent = 0
        local writer = tl.spawn(function()
          for i = 1, 1600 do
            local piece = ("%06d"):format(i):rep(10923)
            sent = checksum(sent, piece)
            assert(a:send(piece))
          end
          a:close()
        end)
        local got, bytes = 0, 0
        for i = 1, 1600 do
          local piece = assert(b:receive(65538))
          bytes = bytes + #piece
          got = checksum(got, piece)
          if i % 50 == 0 then tl.sleep(0.001) end
        end
        assert.same({ nil, "closed", "", "EOF" }, { b:receive(1) })
        assert.equal(1600 * 65538, bytes)
        assert.equal(sent, got)
        writer:join()
        b:close()
      end, 60)
    end)

    it("filled by one callback, 100 MB at once, arrives whole", function()
      run(function()
        local block = ("0123456789abcdef"):rep(65536)
        local listener = assert(tl.listen("127.0.0.1:0", {
          open = function(c)
            for _ = 1, 100 do c:send(block) end
            c:close()
          end,
        }, { edge = edge }))
        local client = assert(tl.connect(listener:sock(), { edge = edge }))
        for _ = 1, 100 do assert.is_true(client:receive(#block) == block) end
        assert.same({ nil, "closed", "", "EOF" }, { client:receive(1) })
        client:close()
        listener:close()
        turns(10)
      end, 60)
    end)

    it("keeps the order of many writers, whose messages stay whole", function()
      run(function()
        local a, b = sockets.pair { edge = edge, sndbuf = 4096 }
        local writers = {}
        for w = 1, 20 do
          writers[w] = tl.spawn(function()
            for i = 1, 20 do
              local line = ("%d.%d "):format(w, i):rep(1000) .. "\n"
              while true do -- others wait for room: busy takes nothing
                local last, err, taken = a:send(line)
                if last or taken == #line then break end
                assert.equal("busy", err)
                tl.sleep(0)
              end
              tl.sleep(0)
            end
          end)
        end
        local seen = {}
        for _ = 1, 400 do
          local line = assert(b:receive())
          local w, i = line:match("^(%d+)%.(%d+) ")
          assert.equal(("%s.%s "):format(w, i):rep(1000), line)
          assert.equal((seen[w] or 0) + 1, tonumber(i))
          seen[w] = tonumber(i)
        end
        for _, writer in ipairs(writers) do writer:join() end
        a:close()
        b:close()
      end, 60)
    end)

    it("in both directions, full, does not lock up", function()
      run(function()
        local a, b = sockets.pair { edge = edge }
        local text = ("full"):rep(4 * 2 ^ 20)
        local tasks = {}
        for _, conn in ipairs { a, b } do
          tasks[#tasks + 1] = tl.spawn(function()
            assert(conn:send(text))
            conn:shutdown("send")
          end)
          tasks[#tasks + 1] = tl.spawn(function()
            assert.is_true(conn:receive("*a") == text)
          end)
        end
        for _, each in ipairs(tasks) do each:join() end
        a:close()
        b:close()
      end, 60)
    end)
  end)
end
