-- HUP, USR1, ALRM and the second TERM left the children running, and HUP the PID file,
-- too, although the documents stated that every end ends them.
local support = require "tests.support"

-- Run a script with a child by a shell that sends signals to it, and return how it
-- ended, its output, and whether the child still runs a second later.
local function ended_by(signals, code)
  local path, pid, err = os.tmpname(), os.tmpname(), os.tmpname()
  os.remove(pid)
  local script = support.temporary(([[
    local tl = require "timerlua"
    local p = tl.exec({ "sh", "-c", "echo $$ >%s.new; mv %s.new %s; exec sleep 60" })
    %s
    tl.sleep(60)]]):format(pid, pid, pid, code or ""))
  local words = {}
  for _, name in ipairs(signals) do
    words[#words + 1] = ("kill -%s $program; sleep 0.2;"):format(name)
  end
  local r = support.shell(([[
    %s --pid-file=%s.pid %s >%s 2>%s & program=$!
    until [ -e %s ]; do sleep 0.01; done
    %s wait $program; echo $?
    child=$(cat %s)
    for i in $(seq 100); do grep -q '^State:.[^ZX]' /proc/$child/status 2>/dev/null || break
      sleep 0.01; done
    grep -q '^State:.[^ZX]' /proc/$child/status 2>/dev/null && { kill -9 $child; echo left; }
    [ -e %s.pid ] && echo file
    true]]):format(support.program, path, script, path, err, pid, table.concat(words, " "), pid,
    path), { timeout = 20 })
  local out = support.read(path)
  for _, each in ipairs { path, path .. ".pid", pid, err, script } do os.remove(each) end
  return (r.out:gsub("%s+", " ")), out
end

describe("a program with a child", function()
  it("is ended in good order by HUP, as by INT and TERM", function()
    for name, number in pairs { HUP = 1, TERM = 15 } do
      local how, out = ended_by({ name }, [[tl.on("stop", print)]])
      assert.equal(128 + number .. " ", how)
      assert.equal(("SIG%s\tnil\n"):format(name), out)
    end
  end)

  for name, number in pairs { USR1 = 10, ALRM = 14, PWR = 30, KILL = 9 } do
    it("takes it along when it is ended at once by " .. name, function()
      assert.equal(128 + number .. " file ", (ended_by({ name })))
    end)
  end

  it("takes it along when a second TERM ends it", function()
    assert.equal("143 file ", (ended_by({ "TERM", "TERM" }, "while true do end")))
    assert.equal("143 file ", (ended_by({ "TERM", "TERM" },
      'tl.on("stop", function() tl.sleep(60) end)')))
  end)

  it("leaves a detached child", function()
    local r = support.shell(([[exec %s -e 'local tl = require "timerlua"
      io.write(tl.exec({ "sleep", "60" }, { detached = true, stdout = "null" }).pid)
      io.stdout:flush()
      require("ffi").cdef "int raise(int);"
      require("ffi").C.raise(9)']]):format(support.program))
    assert.equal(137, r.code)
    assert.equal(0, support.shell("sleep 0.1; kill " .. r.out).code)
  end)
end)
