-- The runtime's reports about itself: its live handles and its counters. Each script
-- runs in a program of its own, so that nothing else is counted.
local support = require "tests.support"

-- Run a script; it hands results over by say(key, value).
local PRELUDE = [[local tl = require "timerlua"; local function nothing() end; ]]
  .. [[local function say(k, v) print(k .. "=" .. tostring(v)) end
]]

-- A descriptor that is always ready.
local DESCRIPTOR = [[local ffi = require "ffi" ffi.cdef "int eventfd(unsigned, int);"
  local fd = ffi.C.eventfd(1, 0) say("descriptor", fd)
]]

local function values_of(code, options)
  local script = support.temporary(PRELUDE .. code)
  local words = { script }
  if options and options.virtual then table.insert(words, 1, "--virtual-time") end
  local r = support.run(words, options)
  os.remove(script)
  assert.equal("", r.err)
  assert.equal(0, r.code)
  local values = { script = script }
  for key, value in r.out:gmatch("([%w_.]+)=([^\n]*)") do
    values[key] = tonumber(value) or value
  end
  return values
end

describe("tl.handles", function()
  it("lists a timer with all known facts", function()
    local v = values_of([[local t = tl.every(60, nothing) t.name = "tick"
      tl.sleep(150)
      local now = tl.now()
      for _, row in ipairs(tl.handles()) do
        if row.kind == "timer" then
          for key, value in pairs(row) do say(key, value) end
          say("same", row.handle == t) say("left", row.due - now)
        end
      end
      t:cancel()]], { virtual = true })
    assert.equal("tick", v.name)
    assert.equal("timer", v.kind)
    assert.equal(v.script .. ":1", v.site)
    assert.equal("true", v.same)
    assert.is_near(30, v.left, 1e-6)
    assert.equal(60, v.period)
    assert.equal(2, v.runs)
    assert.equal(0, v.missed)
    assert.equal("monotonic", v.clock)
    assert.equal("true", v.active)
    assert.equal("false", v.paused)
  end)

  it("lists every timer until it ends, and not afterwards", function()
    local v = values_of([[local function count()
        local n = 0
        for _, row in ipairs(tl.handles()) do n = n + (row.kind == "timer" and 1 or 0) end
        return n
      end
      local timers = {}
      for i = 1, 2500 do timers[i] = tl.after(i, nothing) end
      say("all", count())
      for i = 1, 2500, 2 do timers[i]:cancel() end
      say("half", count())
      tl.sleep(2000.5)
      say("late", count())
      timers[2500]:pause()
      say("paused", count())
      tl.sleep(1000)
      say("last", count())
      timers[2500]:cancel()
      say("none", count())]], { virtual = true })
    assert.same({ 2500, 1250, 250, 250, 1, 0 },
      { v.all, v.half, v.late, v.paused, v.last, v.none })
  end)

  it("lists tasks and watched descriptors by name and site", function()
    local v = values_of(DESCRIPTOR .. [[
      local task = tl.spawn(function() tl.sleep(1) end)
      task.name = "sleeper"
      local watch = tl.watch(fd, "rw", nothing)
      watch.name = "input"
      for _, row in ipairs(tl.handles()) do
        local key = row.name or "?"
        say(key .. ".kind", row.kind) say(key .. ".site", row.site)
        say(key .. ".fd", row.fd) say(key .. ".interest", row.interest)
        say(key .. ".same", row.handle == task or row.handle == watch)
      end
      watch:cancel() task:cancel()]])
    assert.equal("task", v["sleeper.kind"])
    assert.equal(v.script .. ":4", v["sleeper.site"])
    assert.equal("true", v["sleeper.same"])
    assert.equal("watch", v["input.kind"])
    assert.equal(v.script .. ":1", v["input.site"])
    assert.equal(v.descriptor, v["input.fd"])
    assert.equal("rw", v["input.interest"])
    assert.equal("true", v["input.same"])
  end)
end)

describe("tl.handles of every kind of handle", function()
  it("gives the object's own kind, which is the core's name of it", function()
    local v = values_of [[
      local core = require "timerlua.core.ffi"
      local ffi = require "ffi"
      local select = require "timerlua.select"
      local r, w = tl.pipe()
      local listener = tl.listen("127.0.0.1:0", nothing)
      local kept = { tl.after(9, nothing), listener, r, w, tl.udp("127.0.0.1:0") }
      kept[#kept + 1] = tl.watch(core.C.tl_descriptor_duplicate(r:fileno()), "r", nothing)
      tl.spawn(function() tl.sleep(9) end)
      local idle = core.C.tl_descriptor_duplicate(r:fileno())
      tl.spawn(function() select.select({ idle }, {}, {}, 9) end)
      tl.sleep(0.01)
      local seen, live = {}, {}
      for _, row in ipairs(tl.handles()) do
        say(row.kind .. ".own", row.kind == row.handle.kind)
        seen[row.kind] = true
      end
      local slot, info = ffi.new("uint32_t[1]", 1), ffi.new("tl_handle_info")
      while true do
        local generation = core.C.tl_handle_walk(core.loop, slot)
        if slot[0] == 0 then break end
        core.C.tl_handle_info_get(core.loop, slot[0], generation, info)
        live[info.kind] = true
        slot[0] = slot[0] + 1
      end
      local without = {}
      for kind = 1, core.C.TL_KINDS - 1 do
        local name = ffi.string(core.C.tl_kind_name(core.loop, kind))
        say(name .. ".live", live[kind] or false)
        if not seen[name] then without[#without + 1] = name end
      end
      say("without", table.concat(without, " "))
      tl.stop()]]
    for _, kind in ipairs { "timer", "watch", "connection", "listener", "udp", "task" } do
      assert.equal("true", v[kind .. ".own"], kind)
    end
    for _, kind in ipairs { "timer", "sleep", "watch", "connection", "listener", "udp",
      "readiness" } do
      assert.equal("true", v[kind .. ".live"], kind)
    end
    assert.equal("sleep readiness", v.without)
  end)
end)

describe("tl.handles with sockets", function()
  it("lists listeners and connections of both styles", function()
    local v = values_of [[
      local l = assert(tl.listen("127.0.0.1:0", { data = function() end }))
      local c = assert(tl.connect(l:sock()))
      c.name = "mine"
      c:send("12345")
      tl.sleep(0)
      local counts = { connection = 0, listener = 0 }
      for _, row in ipairs(tl.handles()) do
        if counts[row.kind] then counts[row.kind] = counts[row.kind] + 1 end
        if row.handle == c then
          say("mine", row.name == "mine" and row.peer == l:sock() and row.sent or -1)
          say("fd", row.fd == c:fileno() and 1 or 0)
        elseif row.handle == l then
          say("sock", row.sock == l:sock() and row.connections or -1)
        end
      end
      say("listeners", counts.listener)
      say("connections", counts.connection)
      c:close() l:close()]]
    assert.equal(5, v.mine)
    assert.equal(1, v.fd)
    assert.equal(1, v.listeners)
    assert.is_true(v.connections >= 1)
    assert.is_true(v.sock == 0 or v.sock == 1)
  end)
end)

describe("tl.stats", function()
  it("counts timers armed, fired and cancelled", function()
    local v = values_of([[local before = tl.stats()
      local timers = {}
      for i = 1, 100 do timers[i] = tl.after(i, nothing) end
      for i = 51, 100 do timers[i]:cancel() timers[i]:cancel() end
      for i = 1, 10 do timers[i]:reset(i) end
      tl.clock:advance(200)
      local after = tl.stats()
      -- advance sleeps, and a sleep is not a timer
      say("armed", after.armed - before.armed) say("fired", after.fired - before.fired)
      say("cancelled", after.cancelled - before.cancelled)
      say("handles", after.handles - before.handles)
      say("active", after.active - before.active) say("errors", after.errors)]],
      { virtual = true })
    assert.equal(110, v.armed)
    assert.equal(50, v.fired)
    assert.equal(50, v.cancelled)
    assert.equal(0, v.handles)
    assert.equal(0, v.active)
    assert.equal(0, v.errors)
  end)

  it("counts each tick of a periodic timer as fired", function()
    local v = values_of([[local before = tl.stats()
      local t = tl.every(1, nothing)
      tl.sleep(100.5)
      local after = tl.stats()
      say("fired", after.fired - before.fired) say("turns", after.turns - before.turns)
      say("active", after.active) t:cancel()]], { virtual = true })
    assert.equal(100, v.fired)
    assert.is_true(v.turns >= 101 and v.turns <= 203, "turns: " .. v.turns)
    assert.equal(1, v.active)
  end)

  it("does not count a descriptor's end among cancelled timers", function()
    local v = values_of(DESCRIPTOR .. [[local before = tl.stats().cancelled
      say("watch", tl.watch(fd, "r", nothing):cancel())
      say("cancelled", tl.stats().cancelled - before)]])
    assert.equal("true", v.watch)
    assert.equal(0, v.cancelled)
  end)

  it("balances: what was armed has fired, was cancelled or waits", function()
    local v = values_of([[local function balance()
        local s = tl.stats()
        return s.armed - s.fired - s.cancelled
      end
      local before = balance()
      local a, b = tl.after(1, nothing), tl.after(2, nothing)
      say("two", balance() - before)
      a:cancel() b:pause()
      b:cancel()
      tl.spawn(nothing):cancel()
      tl.sleep(5)
      say("none", balance() - before)]], { virtual = true })
    assert.equal(2, v.two)
    assert.equal(0, v.none)
  end)

  it("adds up the system calls of its parts", function()
    local v = values_of [[tl.sleep(0.001)
      local s = tl.stats()
      say("sum", s.waits + s.timerfd_sets + s.reads + s.controls + s.accepts
        + s.receives + s.sends)
      say("system_calls", s.system_calls)]]
    assert.is_true(v.sum > 0)
    assert.equal(v.sum, v.system_calls)
  end)

  it("counts errors", function()
    local script = support.temporary(PRELUDE .. [[
      tl.after(0, error, "one") tl.after(0, error, "two") tl.sleep(0.01)
      say("errors", tl.stats().errors)]])
    local r = support.run { script }
    os.remove(script)
    assert.equal(1, r.code)
    assert.truthy(r.out:find("errors=2", 1, true), r.out)
  end)

  it("shows that bytes are released when timers end", function()
    local v = values_of([[local before = tl.stats().bytes
      local timers = {}
      for i = 1, 200000 do timers[i] = tl.after(i, nothing) end
      say("full", tl.stats().bytes - before)
      for i = 1, 200000 do timers[i]:cancel() end
      say("left", tl.stats().bytes - before)]])
    assert.is_true(v.full > 200000 * 32 and v.full < 200000 * 60, "full: " .. v.full)
    assert.is_true(v.left < 300000, "left: " .. v.left)
  end)
end)

describe("tl.stats().lateness", function()
  it("is empty before anything fired", function()
    local v = values_of [[local l = tl.stats().lateness
      say("count", l.count) say("mean", l.mean) say("p99", l.p99) say("max", l.max)]]
    assert.same({ 0, 0, 0, 0 }, { v.count, v.mean, v.p99, v.max })
  end)

  it("is zero in virtual time", function()
    local v = values_of([[for i = 1, 50 do tl.after(i, nothing) end
      tl.sleep(60)
      local l = tl.stats().lateness
      say("count", l.count) say("max", l.max)]], { virtual = true })
    assert.equal(51, v.count)
    assert.equal(0, v.max)
  end)

  it("is measured from the intended instant", function()
    local v = values_of [[tl.after(0.001, function()
        local till = tl.now() + 0.05
        while tl.now() < till do nothing() end
      end)
      tl.after(0.002, function(t) say("late", t.late) end)
      tl.sleep(0.003)
      local l = tl.stats().lateness
      say("count", l.count) say("max", l.max) say("p50", l.p50) say("mean", l.mean)
      say("quantile", l.quantile(0.5)) say("refused", pcall(l.quantile, 2))]]
    assert.equal(3, v.count)
    assert.is_true(v.late >= 0.048, "late: " .. v.late)
    assert.is_true(v.max >= v.late * (1 - 1e-6), "max: " .. v.max)
    assert.is_true(v.p50 >= 0.047 and v.p50 <= v.max, "p50: " .. v.p50)
    assert.equal(v.p50, v.quantile)
    assert.is_true(v.mean >= 2 * 0.047 / 3 and v.mean <= v.max, "mean: " .. v.mean)
    assert.equal("false", v.refused)
  end)
end)

local TRACE = "epoll_wait,epoll_pwait,epoll_pwait2,timerfd_settime,read,epoll_ctl"

local function may_trace()
  return support.shell("strace -o /dev/null true").code == 0
end

if may_trace() then
  describe("the counters of system calls", function()
    it("are those that the kernel sees", function()
      local log = support.temporary()
      local v = values_of([[local ffi = require "ffi" ffi.cdef "int eventfd(unsigned, int);"
        local watch = tl.watch(ffi.C.eventfd(0, 0), "r", nothing)
        for _ = 1, 7 do tl.sleep(0) end -- turns that only look at it
        watch:cancel()
        for i = 1, 5 do tl.after(i * 0.003, nothing) end
        local t = tl.every(0.002, nothing)
        tl.at(tl.time() + 0.004, nothing)
        tl.timer{ after = 0.006, clock = "boottime", fn = nothing }
        tl.sleep(0.02)
        t:cancel()
        local s = tl.stats()
        for _, key in ipairs { "waits", "timerfd_sets", "reads", "controls", "wakeups",
          "system_calls" } do say(key, s[key]) end]],
        { before = ("strace -f -y -o %s -e trace=%s "):format(log, TRACE) })
      local text = support.read(log)
      os.remove(log)
      local function count(pattern) return select(2, text:gsub(pattern, "")) end
      local waits = count("epoll_p?wait2?%(")
      local sets, controls = count("timerfd_settime%("), count("epoll_ctl%(")
      local reads = count("read%(%d+<anon_inode:%[timerfd%]>")
        + count("read%(%d+<anon_inode:%[eventfd%]>")
      assert.is_true(waits > 5 and sets >= 3 and controls >= 4) -- one for each clock
      assert.same({ waits, sets, reads, controls, waits + sets + reads + controls },
        { v.waits, v.timerfd_sets, v.reads, v.controls, v.system_calls })
      assert.equal(count("256, %-1%)") + count("256, %-1, NULL"), v.wakeups)
    end)

    it("stay at zero while nothing waits", function()
      local v = values_of([[local before = tl.stats().system_calls
        for i = 1, 1000 do tl.after(i, nothing):cancel() end
        say("calls", tl.stats().system_calls - before)]])
      assert.equal(0, v.calls)
    end)
  end)
end
