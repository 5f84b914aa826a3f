-- Timers that are cancelled wait in a list until their callbacks are forgotten, many at
-- once. Nothing but the garbage collector may tell.
local support = require "tests.support"

describe("a cancelled timer", function()
  it("has ended for all who ask, at once", function()
    support.says("true\tfalse\n0\tfalse\tnil\nfalse\ntimer:reset: the timer has ended\n", [[
      local t = tl.after(1, print)
      print(t:cancel(), t:cancel())
      print(tl.stats().handles, t.active, t.due)
      print((pcall(t.pause, t)))
      print((select(2, pcall(t.reset, t, 1)):match("timer:reset: the timer has ended")))]])
  end)

  it("is counted, however many there are", function()
    for _, count in ipairs { 1, 255, 256, 257, 1000 } do
      support.says(("%d\t%d\t1\n"):format(count, count), ([[
        local before = tl.stats()
        local timers, other = {}, tl.after(1, print)
        for i = 1, %d do timers[i] = tl.after(i, print) end
        local cancelled = 0
        for _, t in ipairs(timers) do cancelled = cancelled + (t:cancel() and 1 or 0) end
        local after = tl.stats()
        print(cancelled, after.cancelled - before.cancelled, after.handles)
        other:cancel()]]):format(count))
    end
  end)

  it("lets the loop end", function()
    support.says("over\n", [[
      local long = tl.after(100, print)
      tl.after(0.001, function() long:cancel() end)
      tl.run()
      print "over"]])
  end)

  it("does not run, though it is due in this very turn", function()
    support.says("first\nlast\n", [[
      tl.clock.virtual()
      local timers = {}
      tl.after(1, function()
        print "first"
        for _, t in ipairs(timers) do t:cancel() end
      end)
      for i = 1, 300 do timers[i] = tl.after(1, print, i) end
      tl.after(1, function() print "last" end)]])
  end)

  it("is forgotten by the next collection, or by the next turn", function()
    support.says("300\t0\n1\t0\n", [[
      local function callbacks(count)
        local weak = setmetatable({}, { __mode = "v" })
        for i = 1, count do
          local callback = function() return weak, i end
          weak[i] = callback
          tl.after(1, callback):cancel()
        end
        return weak
      end
      local function left(weak)
        local n = 0
        for _ in pairs(weak) do n = n + 1 end
        return n
      end
      jit.off()
      local weak = callbacks(300)
      local before = left(weak)
      collectgarbage()
      print(before, left(weak))
      local one = callbacks(1)
      before = left(one)
      tl.after(0, function()
        -- the host's way: no wrapper of ours
        local collect = require "ffi" and debug.getregistry and collectgarbage
        collect()
        print(before, left(one))
      end)]])
  end)

  for _, mode in ipairs { "on", "off" } do
    it("is so though finalizers cancel others meanwhile, with the JIT " .. mode, function()
      support.says("0\t2000\t0\n", ([[
        jit.%s()
        collectgarbage "setpause" collectgarbage("setstepmul", 1000)
        local cancelled_ran, live_ran, refused = 0, 0, 0
        local function wrong() cancelled_ran = cancelled_ran + 1 end
        local function right() live_ran = live_ran + 1 end
        local function owner(timer)
          local box = newproxy(true)
          getmetatable(box).__gc = function()
            if not timer:cancel() then refused = refused + 1 end
          end
        end
        for i = 1, 10000 do
          owner(tl.after(0.05, wrong))
          if not tl.after(0.05, wrong):cancel() then refused = refused + 1 end
          if i %% 5 == 0 then tl.after(0.05, right) end
        end
        collectgarbage()
        collectgarbage()
        tl.after(0.2, function() print(cancelled_ran, live_ran, refused) end)]]):format(mode))
    end)
  end

  it("is so though a hook cancels another in the middle", function()
    support.says("0\t0\n", [[
      jit.off()
      local ran = 0
      for n = 1, 80 do
        local fired
        local a = tl.after(60, print)
        local b = tl.after(0.001, function() if fired then ran = ran + 1 end end)
        debug.sethook(function() debug.sethook() fired = true b:cancel() end, "", n)
        a:cancel()
        debug.sethook()
        tl.sleep(0.002)
      end
      print(ran, tl.stats().handles)]])
  end)

  it("gives its slot to no other before it is forgotten", function()
    support.says("2000\n", [[
      local ran = 0
      for i = 1, 2000 do
        local t = tl.after(0.001, function() error "cancelled" end)
        t:cancel()
        tl.after(0.001, function() ran = ran + 1 end)
      end
      tl.after(0.1, function() print(ran) end)]])
  end)
end)

describe("a timer that was overwritten through a cast", function()
  it("may be another timer or none, and crashes nothing", function()
    local seed = tonumber(os.getenv("TEST_SEED")) or os.time()
    support.says("over\n", ([[
      local ffi = require "ffi"
      math.randomseed(%d)
      local function word()
        local which = math.random(4)
        if which == 1 then return math.random(0, 3000) end
        if which == 2 then return math.random(0, 2 ^ 31) * 2 %% 2 ^ 32 end
        if which == 3 then return 2 ^ 32 - math.random(8) end
        return 2 * math.random(4)
      end
      local calls = {
        function(t) return t:cancel() end, function(t) return t:reset(math.random()) end,
        function(t) return t:pause() end, function(t) return t:resume() end,
        function(t) return t:ref() end, function(t) return t:unref() end,
        function(t) return t:next() end, function(t) return t.due, t.late, t.runs, t.site end,
        function(t) return tostring(t) end, function(t) t.name = "x" end,
      }
      local timers = {}
      for round = 1, 20000 do
        local t = tl.after(math.random() * 0.01, function() end)
        timers[(round - 1) %% 500 + 1] = t
        local victim = timers[math.random(#timers)]
        if math.random(4) == 1 then
          ffi.cast("uint32_t *", victim)[math.random(0, 1)] = word()
        end
        pcall(calls[math.random(#calls)], victim)
        if round %% 100 == 0 then tl.sleep(0) end
        if round %% 1000 == 0 then collectgarbage() end
      end
      print "over"
      tl.stop()]]):format(seed), "seed " .. seed)
  end)
end)
