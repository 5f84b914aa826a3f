local support = require "tests.support"

local run_script, assert_says = support.run_script, support.assert_says

describe("a channel", function()
  it("gives values in the order they were sent, false among them", function()
    assert_says({ "true true true 3", "1 false x 0" }, [[
      local ch = tl.channel(3)
      say(ch:send(1), ch:send(false), ch:send("x"), ch:queued())
      say(ch:receive(), ch:receive(), ch:receive(), ch:queued())]])
  end)

  it("has senders wait while it is full, first come first served", function()
    assert_says({ "1 sent 0", "2 sent 0", "got 1 1", "3 sent 1", "got 2 2", "4 sent 2",
      "got 3 3", "got 4 4" }, [[
      local ch = tl.channel(2)
      for i = 1, 4 do tl.spawn(function() ch:send(i) say(i, "sent", clock()) end) end
      for _ = 1, 4 do
        tl.sleep(1)
        say("got", ch:receive(), clock())
        tl.sleep(0)
        tl.sleep(0)
      end]])
  end)

  it("has receivers wait while it is empty, first come first served", function()
    assert_says({ "1 a 1", "2 b 1", "3 c 2" }, [[
      local ch = tl.channel(5)
      for i = 1, 3 do tl.spawn(function() say(i, ch:receive(), clock()) end) end
      tl.sleep(1)
      ch:send("a")
      ch:send("b")
      tl.sleep(1)
      ch:send("c")]])
  end)

  it("of capacity 0, the default, hands over from sender to receiver", function()
    assert_says({ "0", "got a 1", "a sent 1", "b sent 2", "got b 2" }, [[
      local ch = tl.channel()
      tl.spawn(function() ch:send("a") say("a sent", clock()) end)
      tl.sleep(1)
      say(ch:queued())
      say("got", ch:receive(), clock())
      tl.spawn(function() local v = ch:receive() say("got", v, clock()) end)
      tl.sleep(1)
      ch:send("b")
      say("b sent", clock())]])
  end)

  it("lets no task overtake a woken receiver", function()
    assert_says({ "first a", "late b" }, [[
      local ch = tl.channel(1)
      tl.spawn(function() say("first", ch:receive()) end)
      tl.sleep(1)
      tl.after(1, function() ch:send("a") end)
      tl.after(1, function() say("late", ch:receive()) end)
      tl.after(2, function() ch:send("b") end)]])
  end)

  it("lets no value overtake one promised to a woken receiver", function()
    assert_says({ "a", "b" }, [[
      local ch = tl.channel()
      tl.spawn(function() say(ch:receive()) end)
      tl.sleep(1)
      tl.after(1, function() ch:send("a") ch:send("b") end)
      tl.after(1, function() say(ch:receive()) end)]])
  end)

  it("is iterated over until it is closed and empty", function()
    assert_says({ "1", "2", "3", "over" }, [[
      local ch = tl.channel(1)
      tl.spawn(function() for i = 1, 3 do ch:send(i) end ch:close() end)
      for v in ch:values() do say(v) end
      say("over")]])
  end)

  it("works in callbacks", function()
    assert_says({ "callback 5 1" }, [[
      local ch = tl.channel()
      tl.after(0.5, function() local v = ch:receive() say("callback", v, clock()) end)
      tl.after(1, function() ch:send(5) end)]])
  end)

  it("shows in tl.handles the function that its tasks wait in", function()
    assert_says({ "channel:receive nil", "sleep 1", "nil nil" }, [[
      local ch = tl.channel()
      tl.spawn(function() ch:receive() end).name = "r"
      tl.spawn(tl.sleep, 1).name = "s"
      tl.sleep(0)
      tl.sleep(0)
      local rows = {}
      for _, row in ipairs(tl.handles()) do rows[row.name or "main"] = row end
      say(rows.r.waiting_for, rows.r.due)
      say(rows.s.waiting_for, rows.s.due - start)
      say(rows.main.waiting_for, rows.main.due)
      ch:close()]])
  end)
end)

describe("channel:close", function()
  it("lets sent values be received", function()
    assert_says({ "true", "1", "2", "nil closed EOF", "nil closed EPIPE" }, [[
      local ch = tl.channel(2)
      ch:send(1)
      ch:send(2)
      say(ch:close())
      say(ch:receive())
      say(ch:receive())
      say(ch:receive())
      say(ch:send(3))]])
  end)

  it("wakes waiting tasks, and is harmless when repeated", function()
    assert_says({ "receiver nil closed EOF", "sender nil closed EPIPE", "true true" }, [[
      local empty, full = tl.channel(), tl.channel()
      tl.spawn(function() say("receiver", empty:receive()) end)
      tl.spawn(function() say("sender", full:send(1)) end)
      tl.sleep(1)
      empty:close()
      full:close()
      tl.sleep(1)
      say(empty:close(), full:close())]])
  end)

  it("does not take a value from a receiver that was woken", function()
    assert_says({ "a", "nil closed EOF" }, [[
      local ch = tl.channel()
      for _ = 1, 2 do tl.spawn(function() say(ch:receive()) end) end
      tl.sleep(1)
      ch:send("a")
      ch:close()]])
  end)
end)

describe("a receiver that is cancelled", function()
  it("while it waits leaves the value to the next", function()
    assert_says({ "second a" }, [[
      local ch = tl.channel()
      local first = tl.spawn(function() say("first", ch:receive()) end)
      tl.spawn(function() say("second", ch:receive()) end)
      tl.sleep(1)
      first:cancel()
      ch:send("a")]])
  end)

  it("between being woken and running leaves the value to the next", function()
    assert_says({ "second a" }, [[
      local ch = tl.channel()
      local first = tl.spawn(function() say("first", ch:receive()) end)
      tl.spawn(function() say("second", ch:receive()) end)
      tl.sleep(1)
      ch:send("a")
      first:cancel()]])
  end)

  it("between being woken and running leaves it at the head of the queue", function()
    for _, order in ipairs { "{ 1, 2 }", "{ 2, 1 }" } do
      assert_says({ "2", "a", "b" }, [[
        local ch = tl.channel()
        local tasks = {}
        for i = 1, 2 do tasks[i] = tl.spawn(ch.receive, ch) end
        tl.sleep(1)
        ch:send("a")
        ch:send("b")
        for _, i in ipairs ]] .. order .. [[ do tasks[i]:cancel() end
        tl.sleep(1)
        say(ch:queued())
        say(ch:receive())
        say(ch:receive())]])
    end
  end)

  it("leaves it even to one that close woke", function()
    assert_says({ "second a" }, [[
      local ch = tl.channel()
      local first = tl.spawn(function() say("first", ch:receive()) end)
      tl.spawn(function() say("second", ch:receive()) end)
      tl.sleep(1)
      ch:send("a")
      ch:close()
      first:cancel()]])
  end)
end)

describe("a sender that is cancelled while it waits", function()
  it("has sent nothing", function()
    assert_says({ "2" }, [[
      local ch = tl.channel()
      local first = tl.spawn(ch.send, ch, 1)
      tl.spawn(ch.send, ch, 2)
      tl.sleep(1)
      first:cancel()
      say(ch:receive())]])
  end)
end)

describe("a channel's bad arguments", function()
  it("are refused at the caller's line", function()
    local lines = {}
    for _, value in ipairs { "-1", "0.5", '"x"', "1/0", "0/0", "{}" } do
      local shown = loadstring("return tostring(" .. value .. ")")()
      shown = value == '"x"' and value or value == "{}" and "table" or shown
      lines[#lines + 1] = "x:1: timerlua.channel: capacity must be an integer >= 0, got " .. shown
    end
    assert_says(lines, [[
      for _, value in ipairs { "-1", "0.5", '"x"', "1/0", "0/0", "{}" } do
        local _, err = pcall(loadstring("require('timerlua').channel(" .. value .. ")", "=x"))
        say((err:gsub("table: .*", "table")))
      end]])
  end)

  it("a nil to send, or no channel", function()
    assert_says({ "x:1: timerlua.channel:send: value must not be nil, got nil",
      "x:1: timerlua.channel:receive: it must be called on a channel, as channel:receive(), "
      .. "got nil" }, [[
      local ch = tl.channel()
      say(select(2, pcall(loadstring("local ch = ... ch:send(nil)", "=x"), ch)))
      say(select(2, pcall(loadstring("local ch = ... ch.receive()", "=x"), ch)))]])
  end)
end)

describe("a channel in the main chunk of a plain luajit", function()
  local tl = require "timerlua"

  it("is waited for, and timed out", function()
    tl.clock.virtual()
    finally(tl.clock.real)
    local ch = tl.channel()
    tl.after(1, function() ch:send("a") end)
    assert.equal("a", ch:receive())
    assert.same({ nil, "timeout", "ETIMEDOUT" }, { tl.timeout(1, ch.receive, ch) })
    local got
    tl.spawn(function() got = ch:receive() end)
    assert.equal(true, ch:send("b"))
    tl.sleep(0)
    assert.equal("b", got)
  end)

  it("without a sender is reported", function()
    local r = support.shell(([[LUA_PATH=%s LUA_CPATH=%s luajit -e ]]):format(
      support.quote(os.getenv("LUA_PATH")), support.quote(os.getenv("LUA_CPATH")))
      .. support.quote [[
      local tl = require "timerlua"
      local ch = tl.channel()
      print(ch:receive())
      tl.after(0, tl.stop)
      print(ch:receive())
      tl.after(0, function() ch:send(5) end)
      print(ch:receive())
      print(tl.sleep(0), tl.stats().handles)]])
    if support.sanitized then return end
    assert.equal("", r.err)
    assert.equal(("nil\treceive: the loop ended\tECANCELED\n"):rep(2) .. "5\ntrue\t0\n", r.out)
  end)
end)

-- Senders and receivers come, time out and are cancelled at random, mostly in the same
-- few turns. Every value that was sent is received once or still there, a value that
-- was not sent never is, and each sender's values come in order.
describe("random cancellations", function()
  for _, seed in ipairs(support.seeds(8)) do
    it("lose no value (TEST_SEED=" .. seed .. ")", function()
      local r = run_script(("math.randomseed(%d)\n"):format(seed) .. [[
        local random = math.random
        local ch = tl.channel(random(0, 3))
        local sent, maybe, got, latest = {}, {}, {}, {}
        local tasks, received = {}, 0
        local function take(v)
          assert(not got[v], "received twice")
          assert(sent[v] or maybe[v], "never sent")
          got[v], received = true, received + 1
          local who, number = math.floor(v / 1000), v % 1000
          assert(number > (latest[who] or -1), "out of order")
          latest[who] = number
        end
        local function pause() if random(3) == 1 then tl.sleep(random(0, 2)) end end
        local function sender(who)
          return function()
            for number = 0, 39 do
              local v = who * 1000 + number
              maybe[v] = true
              local ok
              if random(4) == 1 then
                ok = tl.timeout(random(0, 2), ch.send, ch, v)
                if not ok then maybe[v] = nil end -- a timeout takes no sent value back
              else
                ok = ch:send(v)
              end
              if ok then sent[v] = true end
              pause()
            end
          end
        end
        local function receiver()
          for _ = 1, 60 do
            local v
            if random(3) == 1 then
              v = tl.timeout(random(0, 2), ch.receive, ch)
            else
              v = ch:receive()
            end
            if v then take(v) end
            pause()
          end
        end
        for who = 1, 6 do tasks[#tasks + 1] = tl.spawn(sender(who)) end
        for _ = 1, 6 do tasks[#tasks + 1] = tl.spawn(receiver) end
        for who = 7, 60 do
          local victim = random(#tasks)
          tasks[victim]:cancel()
          tasks[victim] = tl.spawn(random(2) == 1 and sender(who) or receiver)
          if random(2) == 1 then tl.sleep(random(0, 1)) end
          assert(ch.promised <= ch.count, "promises without values")
          local over = ch.count - ch.promised > 0 and ch.receivers.count > 0
          assert(not over, "a value and a receiver, both waiting")
        end
        for _, t in ipairs(tasks) do t:cancel() end
        tl.sleep(0)
        tl.sleep(0)
        ch:close()
        for v in ch:values() do take(v) end
        assert(ch.promised == 0 and ch.senders.count == 0 and ch.receivers.count == 0)
        for v in pairs(sent) do assert(got[v], "lost") end
        io.write(received > 20 and "ok" or received)]])
      assert.equal("", r.err)
      assert.equal("ok", r.out)
    end)
  end
end)
