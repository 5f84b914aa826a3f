-- Waits on a connection that end early.
local sockets = require "tests.support.sockets"
local tl = require "timerlua"

local run, turns = sockets.run, sockets.turns
local pattern_of = sockets.pattern_of
local pack, results = sockets.pack, sockets.pack -- of a call; the expected ones

sockets.in_both_modes(function(name, make)
  describe("a wait on a connection" .. name, function()
    it("is reached by tl.timeout, and no byte is lost", function()
      run(function()
        local a, b = make()
        a:send("abc")
        assert.same(results(nil, "timeout", "ETIMEDOUT"),
          pack(tl.timeout(0.01, b.receive, b, 10)))
        a:send("def")
        assert.equal("abcdef", b:receive(6))
        a:close()
        b:close()
      end)
    end)

    it("is reached by cancel, and no byte is lost", function()
      run(function()
        local a, b = make()
        for _, first in ipairs { "send", "cancel" } do
          local reader = tl.spawn(function() return b:receive(4) end)
          turns(2)
          a:send("ab")
          a:flush()
          turns(2)
          if first == "send" then a:send("cd") a:flush() end
          reader:cancel()
          if first == "cancel" then a:send("cd") a:flush() end
          assert.same(results(nil, "join: task cancelled", "ECANCELED"), pack(reader:join()))
          assert.equal("abcd", b:receive(4))
        end
        a:close()
        b:close()
      end)
    end)

    it("that ends in the turn in which bytes arrive loses none of them", function()
      run(function()
        local a, b = make()
        local reference, got = {}, {}
        for i = 1, 300 do
          local text = ("<%d>"):format(i)
          reference[i] = text
          local reader = tl.spawn(function() got[#got + 1] = b:receive(1) end)
          turns(i % 3)
          a:send(text)
          if i % 2 == 0 then a:flush() end
          if i % 5 == 0 then turns(1) end
          reader:cancel()
        end
        a:close()
        turns(2)
        local rest = b:receive("*a")
        assert.equal(table.concat(reference), table.concat(got) .. rest)
        b:close()
      end)
    end)

    it("ends and leaves the sender usable", function()
      run(function()
        local a, b = make { high = 1000, sndbuf = 4096, rcvbuf = 4096 }
        local text = pattern_of(4 * 2 ^ 20)
        assert.same(results(nil, "timeout", "ETIMEDOUT"),
          pack(tl.timeout(0.01, a.send, a, text)))
        local flusher = tl.spawn(function() return a:flush() end)
        turns(2)
        flusher:cancel()
        turns(2)
        local reader = tl.spawn(function() return b:receive(#text + 4) end)
        assert.equal(4, a:send("more"))
        assert.equal(true, a:flush())
        assert.is_true(reader:join() == text .. "more")
        a:close()
        b:close()
      end)
    end)
  end)
end)
