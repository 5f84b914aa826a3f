local ffi = require "ffi"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

ffi.cdef "int kill(int, int); int getpid(void);"
ffi.cdef "int sigqueue(int, int, void *);" -- the union is passed as a pointer is

local shell, quote = support.shell, support.quote
local me = ffi.C.getpid()
local HUP, USR1, USR2, TERM, WINCH = 1, 10, 12, 15, 28

local function send(number) assert.equal(0, ffi.C.kill(me, number)) end

-- Have another process send the signal; returns when it has.
local function send_from_outside(name, times)
  os.execute(("LD_PRELOAD= sh -c 'i=0; while [ $i -lt %d ]; do kill -%s %d; i=$((i+1)); done'")
    :format(times or 1, name, me))
end

local function till(condition) sockets.till(condition, "the signal") end

local function mask_of(field)
  return support.read("/proc/self/status"):match(field .. ":%s*(%x+)")
end

-- The beginning of every script here.
local PRELUDE = [[
local tl = require "timerlua"
local ffi = require "ffi"
ffi.cdef "int kill(int, int); int getpid(void); int usleep(unsigned); int raise(int);"
local function send(number) ffi.C.kill(ffi.C.getpid(), number) end
io.stdout:setvbuf("line")
local HUP, USR1, USR2, TERM = 1, 10, 12, 15
]]

-- Run a command whose own end is the status; the message of the shell in between is
-- dropped.
local function run_command(command)
  return shell(("exec 3>&2 2>/dev/null; (%s) 2>&3; exit $?"):format(command),
    { timeout = support.sanitized and 60 or 20 })
end

local function run_script(code, options)
  options = options or {}
  return run_command(("%s %s %s -e %s"):format(options.before or "", support.program,
    options.option or "", quote(PRELUDE .. code)))
end

local function run_plain(code)
  return run_command('LD_PRELOAD="$SANITIZER_PRELOAD" luajit -e ' .. quote(PRELUDE .. code))
end

local function assert_ended(code, out, r)
  assert.equal("", r.err)
  assert.equal(out, r.out)
  assert.equal(code, r.code)
end

describe("tl.signal", function()
  it("calls its function in the loop, with itself, the arguments, and the sender", function()
    sockets.run(function()
      local got
      local s
      s = tl.signal("USR1", sockets.collecting(function(...)
        got = { n = select("#", ...), ... }
      end), "a", nil, 3)
      send(USR1)
      assert.is_nil(got) -- not before the loop's turn
      till(function() return got end)
      assert.same({ n = 4, s, "a", nil, 3 }, got)
      assert.equal("signal", s.kind)
      assert.equal("SIGUSR1", s.name)
      assert.equal("SIGUSR1", s.signal)
      assert.equal(USR1, s.number)
      assert.equal(1, s.count)
      assert.equal(me, s.pid)
      assert.is_number(s.uid)
      assert.is_nil(s.value)
      assert.truthy(s.site:find("sockets.lua:%d+$"), s.site)
      assert.is_true((s:cancel()))
    end)
  end)

  it("takes signals of other processes", function()
    sockets.run(function()
      local from
      local s = tl.signal("SIGUSR2", function(self) from = self.pid end)
      send_from_outside("USR2")
      till(function() return from end)
      assert.not_equal(me, from)
      s:cancel()
    end)
  end)

  it("takes names in any form, numbers, and lists of them", function()
    sockets.run(function()
      local came = {}
      local function note(s) came[#came + 1] = s.signal end
      local subscriptions = { tl.signal({ "usr1", "SIGUSR2", USR1 }, note),
        tl.signal(WINCH, note), tl.signal("RTMIN", note), tl.signal("rtmin+2", note),
        tl.signal("SIGRTMAX-1", note), tl.signal("RTMAX", note) }
      assert.equal("SIGUSR1 SIGUSR2", subscriptions[1].name)
      assert.equal("SIGRTMIN+2", subscriptions[4].name)
      assert.equal("SIGRTMIN+29", subscriptions[5].name)
      assert.equal("SIGRTMIN+30", subscriptions[6].name)
      for _, number in ipairs { USR2, USR1, WINCH, 34, 36, 63, 64 } do send(number) end
      till(function() return #came == 7 end)
      table.sort(came)
      assert.same({ "SIGRTMIN", "SIGRTMIN+2", "SIGRTMIN+29", "SIGRTMIN+30", "SIGUSR1",
        "SIGUSR2", "SIGWINCH" }, came)
      for _, s in ipairs(subscriptions) do s:cancel() end
    end)
  end)

  it("calls several functions for a signal in the order in which they came", function()
    sockets.run(function()
      local order, subscriptions = {}, {}
      for i = 1, 50 do
        subscriptions[i] = tl.signal("USR1", function() order[#order + 1] = i end)
      end
      send(USR1)
      till(function() return #order == 50 end)
      for i = 1, 50 do assert.equal(i, order[i]) end
      for _, s in ipairs(subscriptions) do s:cancel() end
    end)
  end)

  it("goes on with realtime signals when the last other signal is left", function()
    sockets.run(function()
      local heard = 0
      local realtime = tl.signal("RTMIN+1", function() heard = heard + 1 end)
      tl.signal("USR1", print):cancel()
      send(realtime.numbers[1])
      till(function() return heard == 1 end)
      realtime:cancel()
    end)
  end)

  it("calls the next function although one waits", function()
    sockets.run(function()
      local order = {}
      local a = tl.signal("USR1", function() tl.sleep(0.01) order[#order + 1] = "waited" end)
      local b = tl.signal("USR1", function() order[#order + 1] = "next" end)
      send(USR1)
      till(function() return #order == 2 end)
      assert.same({ "next", "waited" }, order)
      a:cancel() b:cancel()
    end)
  end)

  it("reports an error in one function and calls the others", function()
    local r = run_script [[
      local a = tl.signal("USR1", function() error("broken", 0) end)
      local b = tl.signal("USR1", function() print("second") end)
      for _ = 1, 2 do send(USR1) tl.sleep(0.001) end
      a:cancel() b:cancel()]]
    assert.equal("second\nsecond\n", r.out)
    assert.equal(2, support.count('error in signal "SIGUSR1" %(%(command line%):%d+%): broken', r))
    assert.equal(1, r.code)
  end)

  it("takes callable objects", function()
    sockets.run(function()
      local called
      local s = tl.signal("USR1", setmetatable({}, { __call = function() called = true end }))
      send(USR1)
      till(function() return called end)
      s:cancel()
    end)
  end)

  it("lets functions of the same script run to their end first", function()
    sockets.run(function()
      local order = {}
      local s = tl.signal("USR1", function() order[#order + 1] = "signal" end)
      tl.after(0, function()
        send_from_outside("USR1")
        local sum = 0
        for i = 1, 1e6 do sum = sum + i end
        order[#order + 1] = sum > 0 and "callback"
      end)
      till(function() return #order == 2 end)
      assert.same({ "callback", "signal" }, order)
      s:cancel()
    end)
  end)
end)

describe("many signals", function()
  it("of the standard kind are one while no script takes them", function()
    sockets.run(function()
      local runs, count = 0, 0
      local s = tl.signal("USR1", function(self) runs, count = runs + 1, count + self.count end)
      for _ = 1, 1000 do send(USR1) end
      till(function() return runs > 0 end)
      sockets.turns()
      assert.same({ 1, 1 }, { runs, count })
      s:cancel()
    end)
  end)

  it("are counted while the function waits, and reported once after it", function()
    sockets.run(function()
      local counts, busy, most = {}, 0, 0
      local s = tl.signal("USR1", function(self)
        counts[#counts + 1] = self.count
        busy = busy + 1
        most = math.max(most, busy)
        tl.sleep(#counts == 1 and 0.05 or 0)
        busy = busy - 1
      end)
      send(USR1)
      till(function() return counts[1] end)
      for _ = 1, 5 do
        send(USR1)
        sockets.turns(3)
      end
      till(function() return #counts == 2 and busy == 0 end)
      sockets.turns()
      assert.same({ 1, 5 }, counts)
      assert.equal(1, most)
      s:cancel()
    end)
  end)

  it("of the realtime kind come each, in order, with their values", function()
    sockets.run(function()
      local values = {}
      local s = tl.signal("RTMIN+1", function(self)
        values[#values + 1] = self.value
        if #values % 100 == 50 then tl.sleep(0) end
      end)
      for i = 1, 1000 do
        assert.equal(0, ffi.C.sigqueue(me, 35, ffi.cast("void *", i)))
      end
      till(function() return #values == 1000 end)
      for i = 1, 1000 do assert.equal(i, values[i]) end
      assert.equal(1, s.count)
      s:cancel()
    end)
  end)

  it("of the realtime kind are counted where too many wait", function()
    sockets.run(function()
      local total, runs, last = 0, 0, nil
      local s = tl.signal("RTMIN+1", function(self)
        total, runs, last = total + self.count, runs + 1, self.value
        if runs == 1 then tl.sleep(0.05) end
      end)
      for i = 1, 3000 do
        assert.equal(0, ffi.C.sigqueue(me, 35, ffi.cast("void *", i)))
      end
      till(function() return total == 3000 end)
      assert.is_true(runs >= 1025 and runs < 3000, runs)
      assert.equal(3000, last)
      s:cancel()
    end)
  end)

  it("from several processes at once lose no process's last one", function()
    sockets.run(function()
      local counts, done = {}, 0
      local subscriptions = {}
      for i, name in ipairs { "USR1", "USR2", "HUP", "WINCH" } do
        counts[i] = 0
        subscriptions[i] = tl.signal(name, function(self) counts[i] = counts[i] + self.count end)
      end
      subscriptions[5] = tl.signal("RTMIN", function(self) done = done + self.count end)
      os.execute(([[LD_PRELOAD= sh -c 'for s in USR1 USR2 HUP WINCH; do
        (i=0; while [ $i -lt 300 ]; do kill -$s %d; i=$((i+1)); done; kill -34 %d) & done']])
        :format(me, me))
      till(function() return done == 4 end)
      for i = 1, 4 do
        assert.is_true(counts[i] >= 1 and counts[i] <= 300, counts[i])
      end
      for _, s in ipairs(subscriptions) do s:cancel() end
    end, 60)
  end)
end)

describe("signal:cancel", function()
  it("keeps a due run from happening, and returns how many signals that were", function()
    sockets.run(function()
      local ran = false
      local first, second
      first = tl.signal("USR1", function(self)
        assert.same({ true, 0 }, { self:cancel() })
        assert.same({ true, 1 }, { second:cancel() })
        assert.same({ false, 0 }, { second:cancel() })
      end)
      second = tl.signal("USR1", function() ran = true end)
      send(USR1)
      till(function() return first.cancelled end)
      sockets.turns()
      assert.is_false(ran)
    end)
  end)

  it("leaves the other functions of the signal", function()
    sockets.run(function()
      local runs = 0
      local a = tl.signal("USR1", function(self) self:cancel() end)
      local b = tl.signal({ "USR1", "USR2" }, function() runs = runs + 1 end)
      send(USR1)
      till(function() return runs == 1 and a.cancelled end)
      send(USR1)
      till(function() return runs == 2 end)
      b:cancel()
    end)
  end)

  it("restores the mask and closes the descriptor with the last", function()
    sockets.run(function()
      local before = mask_of "SigBlk"
      local fds = support.count_fds()
      local a = tl.signal({ "USR1", "RTMAX" }, print)
      local b = tl.signal("USR1", print)
      assert.not_equal(before, mask_of "SigBlk")
      assert.equal(fds + 1, support.count_fds())
      a:cancel()
      assert.not_equal(before, mask_of "SigBlk")
      b:cancel()
      assert.equal(before, mask_of "SigBlk")
      assert.equal(fds, support.count_fds())
    end)
  end)

  it("restores the process's former handling of the signal", function()
    assert_ended(128 + USR1, "told\n", run_script [[
      tl.signal("USR1", function(s) print("told") s:cancel() send(USR1) print("never") end)
      send(USR1)]])
    assert_ended(128 + TERM, "told\n", run_plain [[
      tl.signal("TERM", function(s) print("told") s:cancel() send(TERM) print("never") end)
      send(TERM)
      tl.run()]])
    assert_ended(0, "told\nignored\n", run_script([[
      tl.signal("USR1", function(s) print("told") s:cancel() send(USR1) print("ignored") end)
      send(USR1)]], { before = 'trap "" USR1;' }))
  end)

  it("drops earlier signals that would end the process, and counts them", function()
    assert_ended(0, "true\t1\ntrue\t2\ntrue\t0\nalive\n", run_script [[
      local s = tl.signal("USR1", print)
      send(USR1) send(USR1)
      print(s:cancel())
      s = tl.signal("RTMIN", print)
      send(34) send(34)
      print(s:cancel())
      s = tl.signal("USR1", print)
      print(s:cancel())
      tl.sleep(0.01)
      print("alive")]])
  end)

  it("passes earlier signals to the program's own handling of TERM and INT", function()
    -- Turns later, the signal is not in the kernel any more but was not reported yet.
    for turns, untold in pairs { [0] = 0, 0, 1 } do
      assert_ended(128 + TERM, ("true\t%d\nSIGTERM\n"):format(untold), run_script(([[
        tl.on("stop", function(reason) print(reason) end)
        local s = tl.signal("TERM", function() print("never") end)
        tl.after(0, function()
          send(TERM)
          for _ = 1, %d do tl.sleep(0) end
          print(s:cancel())
        end)
        tl.sleep(60)]]):format(turns)))
    end
  end)
end)

describe("a signal while the program starts", function()
  -- A program that begins with USR1 blocked and pending, inherited from its parent.
  local function run_blocked(code)
    local path = support.temporary(PRELUDE .. code)
    local r = run_command('LD_PRELOAD="$SANITIZER_PRELOAD" luajit -e ' .. quote(([[
      local ffi = require "ffi"
      ffi.cdef "int kill(int, int); int getpid(void); int execv(const char *, char *const *);"
      ffi.cdef "int sigprocmask(int, const unsigned long *, void *);"
      ffi.cdef "int setenv(const char *, const char *, int);"
      ffi.C.sigprocmask(0, ffi.new("unsigned long[16]", { 512 }), nil)
      ffi.C.kill(ffi.C.getpid(), 10)
      ffi.C.setenv("LD_PRELOAD", "", 1)
      local argv = ffi.new("const char *[3]", { %q, %q })
      ffi.C.execv(argv[0], ffi.cast("char *const *", argv))]]):format(support.program, path)))
    os.remove(path)
    return r
  end

  it("is reported when the script begins to listen", function()
    assert_ended(0, "SIGUSR1\n", run_blocked [[
      tl.signal("USR1", function(s) print(s.signal) s:cancel() end)]])
  end)

  it("stays pending when no script listened", function()
    assert_ended(0, "true\t0\nSIGUSR1\n", run_blocked [[
      print(tl.signal("USR1", print):cancel())
      tl.signal("USR1", function(s) print(s.signal) s:cancel() end)]])
  end)

  it("that --reload-on names waits until the script can hear it", function()
    assert_ended(0, "reload SIGHUP\n", run_script([[
      send(HUP)
      tl.on("reload", function(reason) print("reload " .. reason) end)
      tl.sleep(0.01)]], { option = "--reload-on=HUP" }))
  end)
end)

describe("TERM and INT", function()
  it("that a script listens to do not stop it", function()
    assert_ended(3, "SIGTERM\nSIGINT\nSIGTERM\nstop\t3\n", run_script [[
      tl.on("stop", print)
      local runs = 0
      tl.signal({ "INT", "TERM" }, function(s)
        print(s.signal)
        runs = runs + 1
        if runs == 3 then tl.stop(3) end
      end)
      tl.spawn(function()
        for _, number in ipairs { TERM, 2, TERM } do send(number) tl.sleep(0.001) end
      end)
      tl.sleep(60)]])
  end)

  it("do so again when it cancels", function()
    assert_ended(128 + TERM, "told\nSIGTERM\tnil\n", run_script [[
      tl.on("stop", print)
      tl.signal("TERM", function(s) print("told") s:cancel() send(TERM) end)
      send(TERM)
      tl.sleep(60)]])
  end)

  it("that no script listens to stop it as usual", function()
    assert_ended(128 + 2, "SIGINT\tnil\n", run_script [[
      tl.on("stop", print)
      tl.signal("TERM", print)
      send(2)
      tl.sleep(60)]])
  end)

  it("end a script that an error stops, whichever signals it had listened to", function()
    local r = run_script([[
      tl.signal("TERM", print)
      tl.on("stop", function(reason) print(reason) send(TERM) send(TERM) tl.sleep(60) end)
      error("broken", 0)]], { option = "--on-error=stop" })
    assert.equal("error\n", r.out)
    assert.equal(128 + TERM, r.code)
  end)

  it("end a script that was told to stop and cannot, by the second signal", function()
    assert_ended(128 + TERM, "stopping\n", run_script [[
      tl.on("stop", function() print("stopping") send(TERM) tl.sleep(60) end)
      tl.signal("USR1", function() send(TERM) end)
      send(USR1)
      tl.sleep(60)]])
  end)

  it("that come while the loop is closed do not change the status", function()
    assert_ended(7, "", run_script [[
      tl.signal("TERM", print)
      local keep = newproxy(true)
      getmetatable(keep).__gc = function() send(TERM) end
      _G.keep = keep
      tl.stop(7)]])
  end)
end)

describe("a subscription", function()
  it("keeps the loop running, unless unref is called", function()
    local r = shell(("timeout 1 %s -e %s"):format(support.program,
      quote [[require("timerlua").signal("USR1", print)]]))
    assert.equal(124, r.code)
    assert_ended(0, "", run_script [[tl.signal("USR1", print):unref()]])
    assert_ended(0, "SIGUSR1\n", run_script [[
      local a = tl.signal("USR1", print):unref()
      local b = tl.signal("USR1", function(s) print(s.signal) s:cancel() end):unref():ref()
      send(USR1)
      tl.on("stop", function() a:cancel() b:cancel() end)
      a:cancel()]])
  end)

  it("is listed while it lives, and its descriptor is not", function()
    sockets.run(function()
      local function rows()
        local list = {}
        for _, row in ipairs(tl.handles()) do
          if row.kind == "signal" then list[#list + 1] = row end
          assert.not_equal("watch", row.kind)
        end
        return list
      end
      local s = tl.signal({ "USR1", "USR2" }, print)
      send(USR1)
      sockets.turns(1)
      local list = rows()
      assert.equal(1, #list)
      assert.equal(s, list[1].handle)
      assert.equal("SIGUSR1 SIGUSR2", list[1].name)
      assert.equal("[C]", list[1].site)
      assert.is_true(list[1].active)
      s:cancel()
      assert.same({}, rows())
    end)
  end)

  it("may wait for anything, within limits, and be part of a scope", function()
    sockets.run(function()
      local got
      local s = tl.signal("USR1", function()
        local a, b = tl.timeout(0.001, tl.sleep, 60)
        local channel = tl.channel(1)
        tl.scope(function(scope) scope:spawn(function() channel:send("x") end) end)
        got = { a, b, channel:receive() }
      end)
      send(USR1)
      till(function() return got end)
      assert.equal("timeout", got[2])
      assert.equal("x", got[3])
      s:cancel()
    end)
  end)

  it("outlives a run that is cancelled", function()
    sockets.run(function()
      local runs, task = 0, nil
      local s = tl.signal("USR1", function()
        runs = runs + 1
        task = tl.current()
        tl.sleep(60)
      end)
      send(USR1)
      till(function() return task end)
      send(USR1)
      sockets.turns()
      task:cancel()
      till(function() return runs == 2 end)
      task:cancel()
      sockets.turns()
      s:cancel()
    end)
  end)

  it("works where time is virtual, and moves none", function()
    assert_ended(0, "0\t3600\n", run_script([[
      local start, told = tl.now(), nil
      local s = tl.signal("USR1", function() told = tl.now() - start end)
      send(USR1)
      tl.sleep("1h")
      print(told, tl.now() - start)
      s:cancel()]], { option = "--virtual-time" }))
    assert_ended(0, "SIGUSR1\n", run_script([[
      tl.signal("USR1", function(s) print(s.signal) s:cancel() end)
      os.execute("(sleep 0.05; kill -USR1 " .. ffi.C.getpid() .. ") &")]],
      { option = "--virtual-time" }))
  end)

  it("does not keep virtual time from ending", function()
    assert_ended(0, "real\n", run_plain [[
      local s = tl.signal("USR1", print)
      tl.clock.virtual()
      tl.clock.real()
      print("real")
      s:cancel()]])
  end)

  it("works in a plain luajit", function()
    assert_ended(0, "SIGTERM\nafter\n", run_plain [[
      local s = tl.signal("TERM", function(s) print(s.signal) end)
      send(TERM)
      tl.sleep(0.01)
      s:cancel()
      print("after")]])
  end)
end)

describe("other processes and threads", function()
  it("forked ones are refused, and leave the parent's alone", function()
    assert_ended(0, "nil\tsignal SIGUSR2: called in a process forked from the one that "
      .. "the loop belongs to\tECHILD\nchild\t0\nSIGUSR1\n",
      run_script [[
      ffi.cdef "int fork(void); int waitpid(int, int *, int); void _exit(int);"
      local s = tl.signal("USR1", function(s) print(s.signal) s:cancel() end)
      local pid = ffi.C.fork()
      if pid == 0 then
        print(tl.signal("USR2", print))
        s:cancel()
        io.stdout:flush()
        ffi.C._exit(0)
      end
      local status = ffi.new("int[1]")
      ffi.C.waitpid(pid, status, 0)
      print("child", status[0])
      send(USR1)]])
  end)

  it("that the script starts do not begin with the signals blocked", function()
    -- SigBlk SigIgn SigCgt of the shell's child; a script that listens to nothing
    -- is the model
    local code = [[
      local function ask(start) start("grep -E 'SigBlk|SigIgn' /proc/self/status") end
      local function ask_pipe()
        local pipe = io.popen("grep -E 'SigBlk|SigIgn' /proc/self/status")
        print((pipe:read("*a"):gsub("\n$", "")))
        print(pipe:close())
      end
      local function everything() ask(os.execute) ask_pipe() end
      %s
      everything()
      tl.stop(0)]]
    for _, before in ipairs { "", 'trap "" HUP USR2;' } do
      local model = run_script(code:format(""), { before = before })
      assert.equal(4, select(2, model.out:gsub("Sig", "")))
      assert_ended(0, model.out, run_script(code:format [[
        tl.signal({ "USR1", "TERM", "INT", "CHLD", "WINCH" }, print)]], { before = before }))
    end
  end)

  it("that the script starts can be ended by TERM", function()
    assert_ended(0, "true\tnil\n143\n", run_script [[
      local s = tl.signal("TERM", print)
      local pipe = io.popen("sleep 60 & kill -TERM $!; wait $! 2>/dev/null; echo $?")
      local said = pipe:read("*a")
      print(pipe:close(), nil)
      io.write(said)
      s:cancel()]])
  end)

  it("do not keep signals from being reported that come while they run", function()
    assert_ended(0, "false\nSIGTERM\nSIGUSR1\n0\n", run_script [[
      local came = {}
      local s = tl.signal({ "TERM", "USR1" }, function(s)
        came[#came + 1] = s.signal
        assert(s.pid ~= ffi.C.getpid() and s.pid > 0)
        if #came == 2 then
          table.sort(came, function(a, b) return a < b end)
          print(came[1]) print(came[2]) print(0)
          s:cancel()
        end
      end)
      os.execute("for i in 1 2 3; do kill -TERM $PPID; kill -USR1 $PPID; done")
      print(#came > 0)]])
  end)

  it("started in a storm of signals do not affect it", function()
    assert_ended(0, "true\ttrue\ttrue\n", run_script [[
      local counts, over = { TERM = 0, CHLD = 0 }, false
      local a = tl.signal({ "TERM", "CHLD" }, function(s)
        local name = s.signal:sub(4)
        counts[name] = counts[name] + s.count
      end)
      local b = tl.signal("RTMIN", function() over = true end)
      os.execute("(for i in $(seq 500); do kill -TERM $PPID; kill -CHLD $PPID; done;"
        .. " kill -TERM $PPID; kill -34 $PPID) &")
      repeat
        os.execute("true")
        io.popen("true"):close()
        tl.sleep(0)
      until over
      tl.sleep(0.001)
      print(counts.TERM >= 1, counts.CHLD >= 1, counts.TERM <= 501)
      a:cancel() b:cancel()]])
  end)

  it("leave the program's own handling of TERM as it is", function()
    assert_ended(128 + TERM, "SIGTERM\tnil\n", run_script [[
      tl.on("stop", print)
      local s = tl.signal("TERM", print)
      os.execute("true")
      s:cancel()
      os.execute("kill -TERM $PPID")
      tl.sleep(60)]])
  end)

  it("are started as usual where the arguments are wrong", function()
    sockets.run(function()
      local s = tl.signal("USR1", print)
      local blocked = mask_of "SigBlk"
      assert.is_false(pcall(io.popen))
      assert.is_false(pcall(io.popen, {}))
      pcall(io.popen, "true", "mode")
      assert.equal(blocked, mask_of "SigBlk")
      assert.equal(os.execute(), os.execute())
      s:cancel()
    end)
  end)

  it("threads of our own take no signal", function()
    local r = run_script [[
      -- under way, it has a thread where c-ares does not do it
      local lookup = tl.spawn(tl.resolve, "name.invalid", { timeout = 1 })
      tl.sleep(0)
      local me = io.open("/proc/self/status"):read("*a"):match("Pid:%s*(%d+)")
      for task in io.popen("ls /proc/" .. me .. "/task"):lines() do
        if task ~= me then
          local status = io.open("/proc/" .. me .. "/task/" .. task .. "/status"):read("*a")
          print(status:match("SigBlk:%s*%x*(%x%x%x%x%x%x%x%x)"))
        end
      end
      lookup:cancel()]]
    assert.equal("", r.err)
    for mask in r.out:gmatch("%x+") do
      local blocked = tonumber(mask, 16)
      for _, number in ipairs { HUP, 2, USR1, USR2, TERM } do
        assert.equal(1, math.floor(blocked / 2 ^ (number - 1)) % 2, mask)
      end
    end
  end)
end)

describe("a value that is not a signal", function()
  it("is refused at the caller's line, with the nearest name", function()
    local function refused(...)
      local arguments = { n = select("#", ...), ... }
      return (support.raised(function() tl.signal(unpack(arguments, 1, arguments.n)) end)
        :gsub("^HERE: ", ""):gsub("0x%x+", "X"))
    end
    for name, meant in pairs { TREM = "TERM", SIGHPU = "HUP", US1 = "USR1", CHILD = "CHLD",
      KIL = "KILL", WINCHE = "WINCH" } do
      assert.equal(('timerlua.signal: signal must be the name of a signal, such as %q, got %q')
        :format(meant, name), refused(name, print))
    end
    for _, name in ipairs { "", "SIG", "RTMIN+31", "RTMAX+1", "RTMIN-1", "RTMIN+", "RTMIN1",
      "something else", ("x"):rep(1000) } do
      assert.equal(('timerlua.signal: signal must be the name of a signal, such as "TERM" or '
        .. '"RTMIN+1", got %q'):format(name), refused(name, print))
    end
    for _, number in ipairs { 0, -1, 32, 33, 65, 1.5, 0 / 0, math.huge } do
      assert.equal("timerlua.signal: signal must be the number of a signal, 1 to 31 or 34 to 64,"
        .. " got " .. tostring(number), refused(number, print))
    end
    assert.equal("timerlua.signal: signal must be the name or number of a signal, got nil",
      refused(nil, print))
    assert.equal("timerlua.signal: signal must be the name or number of a signal, got true",
      refused({ true }, print))
    assert.equal("timerlua.signal: signal must be a name or a list of names, got table: X",
      refused({}, print))
    assert.equal("timerlua.signal: fn must be a function, got nil", refused("TERM"))
  end)

  it("and a signal that cannot be caught, with the reason", function()
    for _, name in ipairs { "KILL", "STOP" } do
      assert.equal(("HERE: timerlua.signal: signal must be one that can be caught, and SIG%s "
        .. "cannot: the kernel does not allow it, got %q"):format(name, name),
        support.raised(function() tl.signal(name, print) end))
    end
    for _, name in ipairs { "SEGV", "BUS", "FPE", "ILL", "TRAP", "SYS" } do
      assert.equal(("HERE: timerlua.signal: signal must be one that can be caught, and SIG%s "
        .. "cannot: it reports a fault of the running instruction, got %q"):format(name, name),
        support.raised(function() tl.signal({ "TERM", name }, print) end))
    end
  end)

  it("neither changes anything", function()
    local before = mask_of "SigBlk"
    pcall(tl.signal, { "USR1", "KILL" }, print)
    pcall(tl.signal, "USR1")
    assert.equal(before, mask_of "SigBlk")
  end)

  it("methods want the subscription", function()
    local s = tl.signal("USR1", print)
    for _, method in ipairs { "cancel", "ref", "unref" } do
      assert.equal(("HERE: timerlua.signal:%s: it must be called on what tl.signal returned, as "
        .. "signal:%s(), got nil"):format(method, method),
        support.raised(function() s[method]() end))
    end
    s:cancel()
  end)
end)
