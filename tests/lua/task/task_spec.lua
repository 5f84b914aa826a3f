local support = require "tests.support"

local run, run_script, assert_says = support.run, support.run_script, support.assert_says
local count = support.count

describe("tl.sleep", function()
  it("lets other timers and tasks go on", function()
    assert_says({ "timer 1", "task 1.5", "main 2" }, [[
      tl.after(1, function() say("timer", clock()) end)
      tl.spawn(function() tl.sleep(1.5) say("task", clock()) end)
      tl.sleep(2)
      say("main", clock())]])
  end)

  it("works in callbacks, tasks, nested tasks and handlers", function()
    assert_says({ "task 1", "callback 1", "nested 2", "again 2", "stop 3" }, [[
      tl.after(0.5, function() tl.sleep(0.5) say("callback", clock()) end)
      tl.spawn(function()
        tl.sleep(1)
        say("task", clock())
        tl.spawn(function() tl.sleep(1) say("nested", clock()) end):join()
        say("again", clock())
      end)
      tl.on("stop", function() tl.sleep(1) say("stop", clock()) end)]])
  end)

  it("may cross pcall, metamethods' callers and iterators", function()
    assert_says({ "false x", "true 2", "1 3", "2 4" }, [[
      say(pcall(function() tl.sleep(1) error("x", 0) end))
      say(xpcall(function() tl.sleep(1) return clock() end, debug.traceback))
      for i in function(_, i) i = (i or 0) + 1 tl.sleep(1) if i < 3 then return i end end do
        say(i, clock())
      end]])
  end)

  it("returns true, and takes no time for 0 but lets others run first", function()
    assert_says({ "other", "true 0" }, [[
      tl.after(0, say, "ignored"):cancel()
      tl.spawn(say, "other")
      say(tl.sleep(0), clock())]])
  end)

  it("takes durations as tl.after does, and refuses other values", function()
    assert_says({ "1.5", "2.5",
      'x:1: timerlua.sleep: delay must be a number >= 0, got -1' }, [[
      tl.sleep("1s500ms")
      say(clock())
      tl.sleep(1000000000LL)
      say(clock())
      say(select(2, pcall(loadstring("require('timerlua').sleep(-1)", "=x"))))]])
  end)

  it("keeps equal deadlines in the order of the calls", function()
    assert_says({ "1", "2", "3" }, [[
      for i = 1, 3 do tl.spawn(function() tl.sleep(1) say(i) end) end]])
  end)

  it("and generators live side by side", function()
    assert_says({ "1 1", "2 2", "3 3", "done 3" }, [[
      local generate = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
      for i in generate do
        tl.sleep(1)
        say(i, clock())
      end
      say("done", clock())]])
  end)
end)

describe("coroutine.yield outside the script's own coroutines", function()
  for _, case in ipairs {
    { "in the main chunk", "coroutine.yield(1)", "^$" },
    { "in a callback", "tl.after(0, function() coroutine.yield() end)" },
    { "in a task", "tl.spawn(function() coroutine.yield(1, 2) end)" },
    { "in a task that has waited", "tl.spawn(function() tl.sleep(0) coroutine.yield() end)" },
    { "in a deferred function", "tl.spawn(tl.defer, coroutine.yield)" },
    { "in a stop handler", "tl.on('stop', function() coroutine.yield() end)" },
  } do
    it("is reported " .. case[1], function()
      local r = run_script("tl.after(1, function() say('went on') end)\n" .. case[2])
      assert.truthy(r.out:find(case[3] or "^went on"), r.out)
      assert.equal(1, count("coroutine%.yield [oi]", r))
      assert.equal(1, r.code)
    end)
  end
end)

describe("tl.spawn", function()
  it("runs the task from the next turn on, with its arguments", function()
    assert_says({ "first", "1 nil 3 nil 4" }, [[
      tl.spawn(function(...) local a, b, c, d = ... say(a, b, c, d, select("#", ...)) end,
        1, nil, 3, nil)
      say("first")]])
  end)

  it("starts tasks in the order of the calls", function()
    assert_says({ "1", "2", "3" }, [[for i = 1, 3 do tl.spawn(say, i) end]])
  end)

  it("shows the task's status all its life", function()
    assert_says({ "ready", "running", "waiting", "done", "failed", "cancelled" }, [[
      local t
      t = tl.spawn(function() say(t.status) tl.sleep(1) end)
      say(t.status)
      tl.sleep(0)
      say(t.status)
      t:join()
      say(t.status)
      t = tl.spawn(error)
      pcall(t.join, t)
      say(t.status)
      t = tl.spawn(tl.sleep, 1)
      t:cancel()
      t:join()
      say(t.status)]])
  end)

  it("shows its site and takes a name", function()
    assert_says({ "(command line):10", "nil", "worker", "timerlua.Task: done \"worker\" "
      .. "((command line):10)" }, [[
      local t =
        tl.spawn(function() end)
      say(t.site)
      say(t.name)
      t.name = "worker"
      say(t.name)
      t:join()
      say(t)]])
  end)

  it("refuses values that cannot be called, at the caller's line", function()
    assert_says({ "x:1: timerlua.spawn: fn must be a function, got nil",
      "x:1: timerlua.spawn: fn must be a function, got \"print\"" }, [[
      local spawn = loadstring("require('timerlua').spawn(...)", "=x")
      say(select(2, pcall(spawn)))
      say(select(2, pcall(spawn, "print")))]])
  end)

  it("takes a callable object", function()
    assert_says({ "called 1" }, [[
      tl.spawn(setmetatable({}, { __call = function(_, x) say("called", x) end }), 1)]])
  end)
end)

describe("task:join", function()
  it("returns what the function returned, nils included", function()
    assert_says({ "4 nil 2 nil nil", "0" }, [[
      local function values(...)
        say(select("#", ...), ...)
      end
      values(tl.spawn(function() tl.sleep(1) return nil, 2, nil, nil end):join())
      say(select("#", tl.spawn(function() end):join()))]])
  end)

  it("of an ended task returns at once, again and again", function()
    assert_says({ "7 1", "7 1" }, [[
      local t = tl.spawn(function() tl.sleep(1) return 7 end)
      say(t:join(), clock())
      say(t:join(), clock())]])
  end)

  it("serves many joiners", function()
    assert_says({ "500 500" }, [[
      local t = tl.spawn(function() tl.sleep(1) return 1, nil end)
      local sum, right = 0, 0
      for _ = 1, 500 do
        tl.spawn(function()
          local results = { n = 0 }
          local function keep(...) results = { n = select("#", ...), ... } end
          keep(t:join())
          sum = sum + results[1]
          if results.n == 2 and clock() == 1 then right = right + 1 end
        end)
      end
      tl.sleep(2)
      say(sum, right)]])
  end)

  it("wakes joiners in the order in which they came", function()
    assert_says({ "1", "2", "3" }, [[
      local t = tl.spawn(tl.sleep, 1)
      for i = 1, 3 do tl.spawn(function() t:join() say(i) end) end]])
  end)

  it("raises the error that ended the task, and then it is not reported", function()
    assert_says({ "false x:3: broken" }, [[
      local t = tl.spawn(loadstring("\n\nerror('broken')", "=x"))
      say(pcall(t.join, t))]])
  end)

  it("raises error objects as they are", function()
    assert_says({ "false true", "false nil" }, [[
      local object = {}
      local ok, err = pcall(function() tl.spawn(error, object):join() end)
      say(ok, rawequal(err, object))
      say(pcall(function() tl.spawn(error, nil):join() end))]])
  end)

  it("raises in every joiner", function()
    assert_says({ "3" }, [[
      local t = tl.spawn(function() tl.sleep(1) error({}) end)
      local failed = 0
      for _ = 1, 3 do
        tl.spawn(function() if not pcall(t.join, t) then failed = failed + 1 end end)
      end
      tl.sleep(2)
      say(failed)]])
  end)

  it("returns nil, a message and ECANCELED for a cancelled task", function()
    assert_says({ "nil join: task cancelled ECANCELED" }, [[
      local t = tl.spawn(tl.sleep, 5)
      tl.after(1, function() t:cancel() end)
      say(t:join())]])
  end)

  it("of itself is an error", function()
    assert_says({ "false x:1: timerlua.task:join: a task cannot join itself" }, [[
      say(pcall(loadstring("local me = require('timerlua').current() me:join()", "=x")))]])
  end)

  it("works in callbacks", function()
    assert_says({ "5 2" }, [[
      tl.after(1, function()
        say(tl.spawn(function() tl.sleep(1) return 5 end):join(), clock())
      end)]])
  end)
end)

describe("an error in a task without a joiner", function()
  it("is reported once, while the others go on", function()
    local r = run_script [[
      tl.spawn(function() tl.sleep(1) error("broken") end)
      tl.sleep(2)
      say("went on")]]
    assert.equal("went on\n", r.out)
    assert.equal(1, count("broken", r))
    assert.equal(1, count("timerlua: error", r))
    assert.equal(1, r.code)
  end)

  it("is reported even when its only joiner was cancelled before", function()
    local r = run_script [[
      local failing = tl.spawn(function() tl.sleep(2) error("broken") end)
      local joiner = tl.spawn(function() failing:join() end)
      tl.sleep(1)
      joiner:cancel()]]
    assert.equal(1, count("broken", r))
    assert.equal(1, r.code)
  end)

  it("passes through a joiner that does not catch it, and is reported there", function()
    local r = run_script [[
      local inner = tl.spawn(function() tl.sleep(1) error("broken") end)
      tl.spawn(function() inner:join() end)]]
    assert.equal(1, count("timerlua: error", r))
    assert.equal(1, count("broken\n", r))
    assert.equal(1, r.code)
  end)
end)

describe("task:cancel", function()
  it("of a task that has not begun keeps it from running", function()
    assert_says({ "true ready cancelled", "nil join: task cancelled ECANCELED" }, [[
      local t = tl.spawn(say, "never")
      local before = t.status
      say(t:cancel(), before, t.status)
      say(t:join())]])
  end)

  it("raises where the task waits: pcalls and deferred functions run", function()
    assert_says({ "true", "caught ECANCELED 1", "deferred 1", "cancelled" }, [[
      local t = tl.spawn(function()
        tl.defer(function() say("deferred", clock()) end)
        local _, err = pcall(tl.sleep, 5)
        say("caught", err.code, clock())
        error(err, 0)
      end)
      tl.sleep(1)
      say(t:cancel())
      t:join()
      say(t.status)]])
  end)

  it("raises again in each further wait of a task that catches the error", function()
    assert_says({ "true", "caught 1", "caught 1", "cancelled 1" }, [[
      local t = tl.spawn(function()
        for _ = 1, 2 do
          pcall(tl.sleep, 5)
          say("caught", clock())
        end
        tl.sleep(5)
      end)
      tl.sleep(1)
      t:cancel()
      say(t:cancel())
      t:join()
      say(t.status, clock())]])
  end)

  it("frees a task from a join, which then goes on undisturbed", function()
    assert_says({ "joiner cancelled 1", "joined 7 2" }, [[
      local slow = tl.spawn(function() tl.sleep(2) return 7 end)
      local joiner = tl.spawn(function() slow:join() say("never") end)
      tl.sleep(1)
      joiner:cancel()
      joiner:join()
      say("joiner", joiner.status, clock())
      say("joined", slow:join(), clock())]])
  end)

  it("frees a joiner which then waits for something else", function()
    assert_says({ "slept 4" }, [[
      local slow = tl.spawn(tl.sleep, 2)
      local joiner = tl.spawn(function()
        pcall(slow.join, slow)
        tl.shield(function() tl.sleep(3) end)
        say("slept", clock())
      end)
      tl.sleep(1)
      joiner:cancel()]])
  end)

  it("of a task that is due in the same batch wins", function()
    assert_says({ "cancelled 1" }, [[
      local t
      tl.after(1, function() t:cancel() end)
      t = tl.spawn(function() tl.sleep(1) say("never") end)
      t:join()
      say(t.status, clock())]])
  end)

  it("of a joiner wins over the end of the joined task, in the same turn", function()
    assert_says({ "cancelled", "done" }, [[
      local slow, joiner = tl.spawn(tl.sleep, 1)
      tl.spawn(function() slow:join() joiner:cancel() end)
      joiner = tl.spawn(function() slow:join() say("never") end)
      joiner:join()
      say(joiner.status)
      say(slow.status)]])
  end)

  it("of itself ends it there, deferred functions run", function()
    assert_says({ "deferred", "cancelled nil" }, [[
      local t = tl.spawn(function()
        tl.defer(say, "deferred")
        tl.current():cancel()
        say("never")
      end)
      local result = t:join()
      say(t.status, result)]])
  end)

  it("of an ended task is harmless and false", function()
    assert_says({ "false done", "false failed" }, [[
      local t = tl.spawn(function() end)
      t:join()
      say(t:cancel(), t.status)
      t = tl.spawn(error)
      pcall(t.join, t)
      say(t:cancel(), t.status)]])
  end)

  it("of a task in its deferred functions leaves the canceller alone", function()
    assert_says({ "canceller goes on", "deferred 2" }, [[
      local t = tl.spawn(function()
        tl.defer(function() tl.sleep(2) say("deferred", clock()) end)
      end)
      tl.sleep(1)
      t:cancel()
      say("canceller goes on")]])
  end)

  it("of the main chunk's task ends it, and timers go on", function()
    assert_says({ "timer 2" }, [[
      local main = tl.current()
      tl.after(1, function() main:cancel() end)
      tl.after(2, function() say("timer", clock()) end)
      tl.sleep(5)
      say("never")]])
  end)

  it("is not an error: the status stays 0 and nothing is reported", function()
    assert_says({}, [[
      local t = tl.spawn(tl.sleep, 5)
      tl.sleep(1)
      t:cancel()]])
  end)
end)

describe("tl.defer", function()
  it("runs functions when the task ends, the latest first", function()
    assert_says({ "body", "3", "2 nil x", "1" }, [[
      tl.spawn(function()
        tl.defer(say, 1)
        tl.defer(say, 2, nil, "x")
        tl.defer(say, 3)
        say("body")
      end)]])
  end)

  it("runs them after an error, and before join returns", function()
    assert_says({ "deferred", "false broken" }, [[
      local t = tl.spawn(function() tl.defer(say, "deferred") error("broken", 0) end)
      local ok, err = pcall(t.join, t)
      say(ok, err)]])
  end)

  it("works in a callback, which then ends after it", function()
    assert_says({ "callback", "deferred" }, [[
      tl.after(1, function() tl.defer(say, "deferred") say("callback") end)]])
  end)

  it("runs at the end of each tick's callback", function()
    assert_says({ "tick 1", "end 1", "tick 2", "end 2" }, [[
      tl.every(1, function(t)
        tl.defer(say, "end", t.runs)
        say("tick", t.runs)
        if t.runs == 2 then t:cancel() end
      end)]])
  end)

  it("works in the main chunk: it runs when the chunk ends, timers go on", function()
    assert_says({ "main", "deferred 0", "timer 1" }, [[
      tl.after(1, function() say("timer", clock()) end)
      tl.defer(function() say("deferred", clock()) end)
      say("main")]])
  end)

  it("may wait; join and the task's end wait for it", function()
    assert_says({ "slow 1", "quick 1", "joined 5 1" }, [[
      local t = tl.spawn(function()
        tl.defer(function() say("quick", clock()) end)
        tl.defer(function() tl.sleep(1) say("slow", clock()) end)
        return 5
      end)
      say("joined", t:join(), clock())]])
  end)

  it("an error in one is reported and the others run", function()
    local r = run_script [[
      local t = tl.spawn(function()
        tl.defer(say, "first")
        tl.defer(function() error("broken") end)
        return 5
      end)
      say(t:join())]]
    assert.equal("first\n5\n", r.out)
    assert.equal(1, count("timerlua: error", r))
    assert.equal(1, count("broken", r))
    assert.equal(1, r.code)
  end)

  it("in a deferred function is run too", function()
    assert_says({ "outer", "inner" }, [[
      tl.spawn(function()
        tl.defer(function()
          tl.defer(say, "inner")
          say("outer")
        end)
      end)]])
  end)

  it("refuses values that cannot be called, at the caller's line", function()
    assert_says({ "x:1: timerlua.defer: fn must be a function, got nil" }, [[
      say(select(2, pcall(loadstring("require('timerlua').defer()", "=x"))))]])
  end)
end)

describe("tl.current", function()
  it("is the running task, the same all its life", function()
    assert_says({ "true true", "task callback" }, [[
      local t
      t = tl.spawn(function()
        local before = tl.current()
        tl.sleep(1)
        say(before == t, tl.current() == t)
      end)
      t:join()
      tl.after(1, function()
        local me = tl.current()
        tl.sleep(1)
        say(t.kind, me == tl.current() and me.kind)
      end)]])
  end)

  it("asked in an error handler is not the task of the next callback", function()
    assert_says({ "true false", "1" }, [[
      local handler
      tl.on("error", function() handler = tl.current() end)
      tl.after(1, error)
      tl.after(2, function(t)
        say(handler ~= nil, tl.current() == handler)
        tl.sleep(1)
      end)
      tl.sleep(4)
      say(#tl.handles())]])
  end)

  it("is another task in each callback", function()
    assert_says({ "3" }, [[
      local seen, distinct = {}, 0
      tl.every(1, function(t)
        local me = tl.current()
        if not seen[me] then distinct = distinct + 1 end
        seen[me] = true
        if t.runs == 3 then t:cancel() say(distinct) end
      end)]])
  end)
end)

describe("a callback that waits", function()
  it("can reset its own timer afterwards", function()
    assert_says({ "1 1 2", "2 3 4", "3 5 6" }, [[
      local runs = 0
      tl.after(1, function(t)
        runs = runs + 1
        local run, begun = runs, clock()
        tl.sleep(1)
        say(run, begun, clock())
        if run < 3 then t:reset(1) end
      end)]])
  end)

  it("is not run a second time before it ends, though its reset timer comes due", function()
    assert_says({ "begin 1 1", "end 1 4", "begin 2 4", "end 2 7", "begin 3 9", "end 3 9" }, [[
      local runs = 0
      tl.after(1, function(t)
        runs = runs + 1
        local run = runs
        say("begin", run, clock())
        if run == 1 then
          t:reset(1)
          tl.sleep(3)
        elseif run == 2 then
          tl.sleep(3)
          t:reset(2)
        end
        say("end", run, clock())
      end)]])
  end)

  it("keeps its timer's fields", function()
    assert_says({ "1 1 x true", "1 1 x true" }, [[
      local t = tl.every(1, function(t)
        say(t.runs, t.due - start, t.name, t.active)
        tl.sleep(0.5)
        say(t.runs, t.due - start, t.name, t.active)
        t:cancel()
      end)
      t.name = "x"]])
  end)

  it("longer than its period runs one at a time, on the grid, missed counted", function()
    assert_says({ "1 at 1 missed 0", "2 at 4 missed 2", "3 at 7 missed 2", "total 4" }, [[
      local inside = 0
      tl.every(1, function(t)
        inside = inside + 1
        assert(inside == 1, "two at a time")
        say(t.runs, "at", clock(), "missed", t.missed)
        if t.runs == 3 then
          say("total", t.missed_total)
          t:cancel()
        else
          tl.sleep(2.5)
        end
        inside = inside - 1
      end)]])
  end)

  it("may cancel its timer and go on", function()
    assert_says({ "true", "went on 2" }, [[
      tl.every(1, function(t)
        say(t:cancel())
        tl.sleep(1)
        say("went on", clock())
      end)]])
  end)

  it("whose timer is cancelled meanwhile goes on", function()
    assert_says({ "cancelled true", "went on 2" }, [[
      local t = tl.every(1, function() tl.sleep(1) say("went on", clock()) end)
      tl.after(1.5, function() say("cancelled", t:cancel()) end)]])
  end)

  it("and fails then is reported with its timer, which goes on", function()
    local r = run_script [[
      local t = tl.every(1, function(t)
        tl.sleep(0.5)
        if t.runs == 2 then t:cancel() say("second") else error("broken") end
      end)
      t.name = "ticker"]]
    assert.equal("second\n", r.out)
    assert.equal(1, count("timerlua: error", r))
    assert.truthy(r.err:match("^[^\n]*"):find('timer "ticker".*broken$'), r.err)
    assert.equal(1, r.code)
  end)
end)

describe("the end of the script", function()
  it("waits for tasks that sleep", function()
    assert_says({ "woke 86400" }, [[
      tl.spawn(function() tl.sleep("1d") say("woke", clock()) end)]])
  end)

  it("tl.run in the main chunk waits until nothing is left", function()
    assert_says({ "timer 5", "after run 5" }, [[
      tl.after(5, function() say("timer", clock()) end)
      tl.run()
      say("after run", clock())]])
  end)

  it("names tasks that wait for each other, with status 1", function()
    local r = run_script [[
      local a, b
      a = tl.spawn(function() b:join() end)
      b = tl.spawn(function() a:join() end)
      a.name, b.name = "alice", "bob"]]
    assert.equal(2, count("the task waits, but nothing is left that could wake it", r))
    assert.equal(1, count('task "alice"', r))
    assert.equal(1, count('task "bob"', r))
    assert.truthy(r.err:find("(command line):10:", 1, true), r.err)
    assert.equal(1, r.code)
  end)

  it("names no task that waits when tl.stop ended the script", function()
    assert_says({}, [[
      tl.spawn(function() tl.sleep(50) end)
      tl.after(1, function() tl.stop() end)]])
  end)
end)

describe("a hundred thousand sleeping tasks", function()
  -- in the interpreter their stacks are larger: 1,500 to 1,520 bytes were measured, and
  -- with the JIT 1,175
  local most = support.interpreted and 1792 or 1536

  it(("cost at most %d bytes each, and give them back"):format(most), function()
    if support.sanitized then return pending("sanitized memory is not the program's") end
    local r = run([[
      local tl = require "timerlua"
      local COUNT = 100000
      tl.clock.virtual() -- none may wake while others are being made
      local function resident()
        for _ = 1, 3 do collectgarbage() end
        local file = io.open("/proc/self/statm")
        local _, pages = file:read("*n", "*n")
        file:close()
        return pages * 4096
      end
      tl.spawn(tl.sleep, 0):join()
      local before, woken = resident(), 0
      for _ = 1, COUNT do
        tl.spawn(function() tl.sleep(3) woken = woken + 1 end)
      end
      tl.sleep(0)
      tl.sleep(0)
      while tl.stats().handles < COUNT do tl.sleep(0.01) end
      local waiting = 0
      for _, row in ipairs(tl.handles()) do
        if row.status == "waiting" then waiting = waiting + 1 end
      end
      local used = (resident() - before) / COUNT
      tl.run()
      io.write(waiting, " ", woken, " ", used, " ", tl.stats().handles)]])
    assert.equal("", r.err)
    local waiting, woken, bytes, handles = r.out:match("^(%d+) (%d+) ([%d.]+) (%d+)$")
    assert.equal("100000", waiting)
    assert.equal("100000", woken)
    assert.equal("0", handles)
    print(("\na sleeping task: %d bytes"):format(bytes))
    assert.truthy(tonumber(bytes) <= most, bytes .. " bytes")
  end)
end)

describe("the main chunk of a plain luajit", function()
  local tl, active

  before_each(function()
    tl = require "timerlua"
    tl.clock.virtual()
    active = tl.stats().active
  end)

  after_each(function()
    tl.clock.real()
    assert.equal(active, tl.stats().active)
  end)

  it("can sleep, while timers and tasks run", function()
    local seen, start = {}, tl.now()
    local t = tl.every(1, function(timer) seen[#seen + 1] = timer.runs end)
    tl.spawn(function() tl.sleep(1.5) seen[#seen + 1] = "task" end)
    assert.equal(true, tl.sleep(2.5))
    t:cancel()
    assert.same({ 1, "task", 2 }, seen)
    assert.equal(2.5, math.floor((tl.now() - start) * 1e6 + 0.5) / 1e6)
  end)

  it("can join a task, and gets its results", function()
    local task = tl.spawn(function(...) tl.sleep(1) return nil, select("#", ...), nil end, 1, 2)
    local results = { n = 0 }
    local function keep(...) results = { n = select("#", ...), ... } end
    keep(task:join())
    assert.same({ n = 3, nil, 2, nil }, results)
  end)

  it("joins no longer than the task runs", function()
    local ticks = 0
    -- bounded, in case the join goes on until nothing is left
    local ticker = tl.every(1, function(t)
      ticks = ticks + 1
      if ticks == 1000 then t:cancel() end
    end)
    local task = tl.spawn(function() tl.sleep(2.5) return "done" end)
    assert.equal("done", task:join())
    ticker:cancel()
    assert.equal(2, ticks)
  end)

  it("gets a task's error raised by join, not reported", function()
    local reported = 0
    local subscription = tl.on("error", function() reported = reported + 1 end)
    local task = tl.spawn(function() tl.sleep(1) error("broken", 0) end)
    local ok, err = pcall(task.join, task)
    subscription:cancel()
    assert.equal(false, ok)
    assert.equal("broken", err)
    assert.equal(0, reported)
  end)

  it("can cancel a task that waits", function()
    local seen = {}
    local task = tl.spawn(function()
      tl.defer(function() seen[#seen + 1] = "deferred" end)
      tl.sleep(5)
    end)
    tl.sleep(1)
    assert.equal(true, task:cancel())
    assert.same({ nil, "join: task cancelled", "ECANCELED" }, { task:join() })
    assert.same({ "deferred" }, seen)
    assert.equal(false, task:cancel())
  end)

  it("is not a task: tl.current is nil and tl.defer an error", function()
    assert.is_nil(tl.current())
    local ok, err = pcall(loadstring("require('timerlua').defer(print)", "=x"))
    assert.equal(false, ok)
    assert.equal("x:1: timerlua.defer: called outside a task or callback", err)
  end)

  it("gets a clear error for waiting in a coroutine of its own", function()
    local ok, err = coroutine.resume(coroutine.create(function() tl.sleep(1) end))
    assert.equal(false, ok)
    assert.truthy(err:find("timerlua.sleep: called in a coroutine of the script's own", 1, true))
  end)

  it("gets errors in callbacks reported, and goes on", function()
    local told = {}
    local subscription = tl.on("error", function(err) told[#told + 1] = err end)
    tl.after(1, function() error("one", 0) end)
    tl.spawn(function() tl.sleep(2) error("two", 0) end)
    assert.equal(true, tl.sleep(3))
    subscription:cancel()
    assert.same({ "one", "two" }, told)
  end)
end)
