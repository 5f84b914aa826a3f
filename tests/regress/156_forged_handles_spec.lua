-- Scripts could write the slot and generation of timers, and put files, nil or other
-- handles where objects keep their own: a timer's cancel freed connections, stopped tasks
-- for ever and ended the host's timers, and the core was given what was no address.
local hosts = require "tests.support.hosts"
local support = require "tests.support"

describe("a timer", function()
  it("has constant fields", function()
    support.says("false\tfalse\nran\n", [[
      local t = tl.after(0.001, function() print "ran" end)
      print((pcall(function() t.slot = 1 end)), (pcall(function() t.generation = 1 end)))]])
  end)
end)

describe("an object whose fields were written", function()
  it("harms no handle of another kind", function()
    support.says("slept\ntimer\nhello\n", [[
      local a, b = tl.socketpair()
      local timer = tl.after(0.05, function() print "timer" end)
      local sleeper = tl.spawn(function() tl.sleep(0.01) print "slept" end)
      tl.sleep(0)
      local victims = { a, timer, sleeper }
      local function forge(make, ...)
        for _, victim in ipairs(victims) do
          local object = make()
          object.slot, object.generation = victim.slot, victim.generation
          object.id = { slot = victim.slot, generation = victim.generation }
          for _, name in ipairs { ... } do pcall(function() object[name](object) end) end
        end
      end
      forge(function() return tl.udp("127.0.0.1:0", print) end, "unref", "pause", "close")
      forge(function() return tl.listen("127.0.0.1:0", print) end, "unref", "pause", "close")
      forge(function() return tl.watch(b:fileno(), "r", print) or tl.udp "127.0.0.1:0" end,
        "unref", "cancel", "close")
      forge(function() return tl.signal("USR1", print) end, "unref", "cancel")
      sleeper:join()
      tl.sleep(0.1)
      b:send("hello")
      print(a:receive(5))
      os.exit(0)]], { timeout = 10 })
  end)

  it("gives the core no address of the script's choice", function()
    support.says("done\n", [[
      local unix = os.tmpname()
      os.remove(unix)
      local select = require "timerlua.select"
      for _, forged in ipairs { io.stdout, false, newproxy(), "text", 5LL } do
        local l = tl.listen("unix:" .. unix, print)
        local u = tl.udp("127.0.0.1:0", print)
        local objects = { l, u, tl.spawn(tl.sleep, 1), select.poll(), select.epoll(),
          select.kqueue(), tl.every(1, print) }
        for _, object in ipairs(objects) do
          for _, key in ipairs { "own", "bound", "file", "id", "slot", "generation", "fds", "set",
            "queue", "place", "count", "size", "index" } do
            pcall(function() object[key] = forged or nil end)
          end
          for _, name in ipairs { "getsockname", "sock", "register", "poll", "control", "events",
            "close", "cancel" } do
            pcall(function() object[name](object, 0) end)
          end
        end
        l:close()
        u:close()
        tl.spawn(function() tl.current().id = forged tl.sleep(0) end):join()
        collectgarbage()
      end
      print "done"
      os.remove(unix)
      os.exit(0)]], { timeout = 10 })
  end)
end)

describe("a host's timers and watches", function()
  it("are out of a script's reach", function()
    hosts.edge("forged")
  end)
end)
