-- A process group went on without its leader: the leader obeyed TERM, and so KILL was
-- not sent. At the end of the program only leaders got KILL.
local processes = require "tests.support.processes"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

-- A member that ignores TERM, its number in the file; the leader does not.
local function stubborn(path)
  return { "sh", "-c", ("(trap '' TERM; echo $(sh -c 'echo $PPID') >%s; exec sleep 60) & ")
    :format(path) .. "exec sleep 60" }
end

local function leaves_no_member(tail)
  local path = support.temporary()
  local r = support.run(([==[
    local tl = require "timerlua"
    local p = tl.exec({ "sh", "-c", [[(trap '' TERM; echo $(sh -c 'echo $PPID') >%s;
      exec sleep 60) & exec sleep 60]] }, { pgroup = true, kill_after = 0.2 })
    local member
    while member == nil do
      local file = io.open("%s")
      member = file and file:read("*n")
      if file then file:close() end
      tl.sleep(0.01)
    end
    %s]==]):format(path, path, tail), { timeout = 10 })
  local member = processes.pid_in(path)
  os.remove(path)
  sockets.till(function() return not processes.alive(member) end, "its end by " .. tail)
  return r
end

local function is_forgotten(pid)
  local stat = io.open(("/proc/%d/stat"):format(pid))
  if stat then stat:close() end
  return stat == nil
end

describe("the rest of a group whose leader has ended", function()
  local path
  before_each(function() path = support.temporary() end)
  after_each(function() os.remove(path) end)

  it("lived on after a timeout's KILL", function()
    processes.run(function()
      local p = assert(tl.exec(stubborn(path), { pgroup = true, kill_after = 0.3 }))
      local member = processes.pid_in(path)
      p:stop()
      assert.equal("SIGTERM", p:wait().signal)
      assert.is_true(processes.alive(member))
      sockets.till(function() return not processes.alive(member) end, "its end")
    end)
  end)

  it("could not be killed any more", function()
    processes.run(function()
      local p = assert(tl.exec(stubborn(path), { pgroup = true }))
      local member = processes.pid_in(path)
      p:kill()
      assert.equal("SIGTERM", p:wait().signal)
      assert.is_true(p:kill "KILL")
      sockets.till(function() return not processes.alive(member) end, "its end")
      assert.equal("ESRCH", (select(3, p:kill "KILL")))
    end)
  end)

  it("outlived the timeout, where the leader had ended by itself", function()
    processes.run(function()
      local p = assert(tl.exec({ "sh", "-c", "sleep 60 & echo $! >" .. path },
        { pgroup = true, timeout = 0.3 }))
      local member = processes.pid_in(path)
      local status = p:wait()
      assert.equal(0, status.code)
      assert.is_true(processes.alive(member))
      sockets.till(function() return not processes.alive(member) end, "its end")
      sockets.till(function() return is_forgotten(p.pid) end, "the leader's zombie's")
      assert.is_false(status.timed_out)
    end)
  end)

  it("is noticed when it ends by itself", function()
    processes.run(function()
      local p = assert(tl.exec({ "sh", "-c", "sleep 0.1 & exit 3" }, { pgroup = true }))
      assert.equal(3, p:wait().code)
      assert.is_false(is_forgotten(p.pid))
      sockets.till(function() return is_forgotten(p.pid) end, "the leader's zombie's")
      assert.equal("ESRCH", (select(3, p:kill())))
    end)
  end)

  it("was an orphan after the program's end", function()
    assert.equal(0, leaves_no_member("tl.stop()").code)
    assert.equal(3, leaves_no_member("os.exit(3)").code)
    assert.equal(128 + 15, leaves_no_member("os.execute('kill -TERM $PPID') tl.sleep(60)").code)
    assert.equal(0, leaves_no_member("p:stop() p:wait()").code)
  end)
end)

describe("the program's end", function()
  it("does not wait for a group that has ended", function()
    local r = support.run([==[
      local tl = require "timerlua"
      local p = tl.exec({ "sh", "-c", "sleep 60 & exec sleep 60" }, { pgroup = true })
      tl.stop()]==], { timeout = 4 })
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)
end)
