local support = require "tests.support"

local run_script, assert_says = support.run_script, support.assert_says

describe("a semaphore", function()
  it("lets a limited number in at a time, first come first served", function()
    assert_says({ "1 in 0", "2 in 0", "3 in 1", "4 in 1", "5 in 2" }, [[
      local s = tl.semaphore(2)
      for i = 1, 5 do
        tl.spawn(function()
          say(s:acquire() and i, "in", clock())
          tl.sleep(1)
          s:release()
        end)
      end]])
  end)

  it("is tried without waiting", function()
    assert_says({ "true false", "true" }, [[
      local s = tl.semaphore(1)
      say(s:try_acquire(), s:try_acquire())
      s:release()
      say(s:try_acquire())]])
  end)

  it("lets no task overtake one that was handed a permit", function()
    assert_says({ "false", "waited" }, [[
      local s = tl.semaphore(1)
      s:acquire()
      tl.spawn(function() s:acquire() say("waited") end)
      tl.sleep(1)
      s:release()
      say(s:try_acquire())]])
  end)

  it("hands a permit on when its receiver is cancelled before it runs", function()
    assert_says({ "second", "timerlua.Semaphore: 1 of 1 free" }, [[
      local s = tl.semaphore(1)
      s:acquire()
      local first = tl.spawn(function() s:acquire() say("first") end)
      tl.spawn(function() s:acquire() say("second") s:release() end)
      tl.sleep(1)
      s:release()
      first:cancel()
      tl.sleep(1)
      say(s)]])
  end)

  it("gets permits back from cancelled and timed-out tasks", function()
    assert_says({ "nil timeout ETIMEDOUT 1", "true 1" }, [[
      local s = tl.semaphore(1)
      s:acquire()
      local t = tl.spawn(s.acquire, s)
      local a, b, c = tl.timeout(1, s.acquire, s)
      say(a, b, c, clock())
      t:cancel()
      s:release()
      tl.sleep(0)
      say(s:try_acquire(), clock())]])
  end)
end)

describe("semaphore:use", function()
  it("returns what the function returns, and releases however it ends", function()
    assert_says({ "1 nil 3", "false broken", "nil timeout ETIMEDOUT", "cancelled",
      "timerlua.Semaphore: 1 of 1 free" }, [[
      local s = tl.semaphore(1)
      say(s:use(function(...) tl.sleep(1) return ... end, 1, nil, 3))
      say(pcall(s.use, s, error, "broken"))
      say(tl.timeout(1, s.use, s, tl.sleep, 9))
      local t = tl.spawn(s.use, s, tl.sleep, 9)
      tl.sleep(1)
      t:cancel()
      t:join()
      say(t.status)
      say(s)]])
  end)

  it("keeps the traceback of an error", function()
    local r = run_script [[
      local function deep() error("broken") end
      local s = tl.semaphore(1)
      tl.spawn(function() s:use(deep) end)]]
    assert.equal(1, support.count("in function 'deep'", r) + support.count("<[^\n]*:9>", r))
  end)

  it("works in the main chunk of a plain luajit", function()
    local tl = require "timerlua"
    tl.clock.virtual()
    finally(tl.clock.real)
    local s = tl.semaphore(1)
    tl.spawn(s.use, s, tl.sleep, 2)
    tl.sleep(0)
    local start = tl.now()
    assert.equal("x", s:use(function() return "x" end))
    assert.equal(2, math.floor(tl.now() - start + 0.5))
    s:acquire()
    s:release()
  end)
end)

describe("a semaphore's misuse", function()
  it("is refused at the caller's line", function()
    assert_says({ "x:1: timerlua.semaphore: permits must be an integer >= 1, got 0",
      "x:1: timerlua.semaphore: permits must be an integer >= 1, got nil",
      "x:1: timerlua.semaphore: permits must be an integer >= 1, got 1.5",
      "x:1: timerlua.semaphore:release: all 2 permits are free already",
      "x:1: timerlua.semaphore:use: fn must be a function, got nil",
      "x:1: timerlua.semaphore:acquire: it must be called on a semaphore, as "
      .. "semaphore:acquire(), got nil" }, [[
      local function refused(code)
        say(select(2, pcall(loadstring("local tl = require 'timerlua' " .. code, "=x"))))
      end
      refused "tl.semaphore(0)"
      refused "tl.semaphore()"
      refused "tl.semaphore(1.5)"
      refused "tl.semaphore(2):release()"
      refused "tl.semaphore(2):use()"
      refused "tl.semaphore(2).acquire()"]])
  end)
end)

describe("random cancellations", function()
  for _, seed in ipairs(support.seeds(4)) do
    it("lose no permit and make none (TEST_SEED=" .. seed .. ")", function()
      local r = run_script(("math.randomseed(%d)\n"):format(seed) .. [[
        local random = math.random
        local most = random(1, 3)
        local s = tl.semaphore(most)
        local inside, tasks, uses = 0, {}, 0
        local function critical()
          inside, uses = inside + 1, uses + 1
          assert(inside <= most, "too many inside")
          local ok, err = pcall(tl.sleep, random(0, 2))
          inside = inside - 1
          if not ok then error(err, 0) end
        end
        local function user()
          for _ = 1, 20 do
            if random(3) == 1 then tl.timeout(random(0, 2), s.use, s, critical)
            else s:use(critical) end
          end
        end
        for i = 1, 10 do tasks[i] = tl.spawn(user) end
        for _ = 1, 100 do
          local victim = random(#tasks)
          tasks[victim]:cancel()
          tasks[victim] = tl.spawn(user)
          if random(2) == 1 then tl.sleep(random(0, 1)) end
        end
        tl.run()
        io.write(tostring(s.free == most and inside == 0 and uses > 50))]])
      assert.equal("", r.err)
      assert.equal("true", r.out)
    end)
  end
end)
