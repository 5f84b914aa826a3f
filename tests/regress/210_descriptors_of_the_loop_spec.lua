-- The modules for descriptors by hand closed, set and took over by its number any
-- descriptor: the loop's own among them, so that a script silenced its program, or its
-- host, with no error anywhere.
local hosts = require "tests.support.hosts"
local support = require "tests.support"

-- Tries everything on each descriptor of the process whose file matches one of `words`.
local attack = [[
  local timerfd, select = require "timerlua.timerfd", require "timerlua.select"
  local words, told, rules = { %s }, {}, {}
  local function try(fn, ...)
    local ok, message = pcall(fn, ...)
    if ok then return false end
    rules[tostring(message):gsub("^.-: ", ""):gsub("%%d+$", "N")] = true
    return true
  end
  local files = io.popen("ls -l /proc/$PPID/fd"):read("*a")
  for fd, file in files:gmatch(" (%%d+) %%-> ([^\n]*)") do
    fd = tonumber(fd)
    for _, word in ipairs(words) do
      if file:find(word, 1, true) then
        told[word] = (told[word] == nil or told[word]) and try(timerfd.settime, fd, 0, 0)
          and try(timerfd.settime_ns, fd, 0, 0) and try(timerfd.read, fd)
          and try(select.epoll.fromfd, fd) and try(timerfd.close, fd)
          and try(timerfd.close, { fileno = function() return fd end })
      end
    end
  end
  for _, word in ipairs(words) do print(word, told[word]) end
  local list = {}
  for rule in pairs(rules) do list[#list + 1] = rule end
  table.sort(list)
  print(table.concat(list, "\n"))
]]

local RULE = "fd must not be one that timerlua or the host uses (for the loop, a socket, a "
  .. "child, a watch), got N\n"

local function rules(...)
  local lines = {}
  for _, where in ipairs { ... } do
    lines[#lines + 1] = ("timerlua.%s: %s"):format(where, RULE)
  end
  return table.concat(lines)
end

local ALL = rules("select.epoll.fromfd", "timerfd.close", "timerfd.read", "timerfd.settime",
  "timerfd.settime_ns")

describe("a descriptor of timerlua's own", function()
  it("cannot be closed, set, read or taken over by its number", function()
    support.says("[eventpoll]\ttrue\n[timerfd]\ttrue\n[eventfd]\ttrue\n[signalfd]\ttrue\n"
      .. "inotify\ttrue\n[pidfd]\ttrue\nsocket:\ttrue\n" .. ALL .. "tick\nhello\nchild\t0\n", [[
      local a, b = tl.socketpair()
      local child = tl.exec { "sleep", "0.2" }
      local watch = tl.on_file("/tmp", function() end)
      local subscription = tl.signal("USR1", function() end)
      local wall = tl.at(tl.time() + 1000, print)
      ]] .. attack:format([["[eventpoll]", "[timerfd]", "[eventfd]", "[signalfd]", "inotify",
        "[pidfd]", "socket:"]]) .. [[
      tl.after(0.01, function() print "tick" b:send("hello") end)
      print(a:receive(5))
      print("child", child:wait().code)
      watch:cancel() subscription:cancel() wall:cancel() a:close() b:close()]])
  end)

  it("cannot be reached by an object with its number", function()
    support.says("false\nfalse\ntrue\t-1\ntick\n", [[
      local timerfd, socket = require "timerlua.timerfd", require "timerlua.socket"
      local files = io.popen("ls -l /proc/$PPID/fd"):read("*a")
      local number = tonumber(files:match(" (%d+) %-> [^\n]*%[timerfd%]"))
      local t = timerfd.create(timerfd.CLOCK_MONOTONIC)
      local own = t.fd
      t.fd = number
      print((pcall(t.settime, t, 0, 0)))
      print((pcall(t.close, t)))
      t.fd = own
      t:close()
      local s = socket.socket()
      s.fd = number
      -- A plain socket keeps its number elsewhere: the field is the script's own.
      print((pcall(s.close, s)), s:fileno())
      tl.sleep(0.01)
      print "tick"]])
  end)

  it("does not keep a script from its own descriptors", function()
    support.says("true\ttrue\ttrue\n1\ttrue\n", [[
      local timerfd, select = require "timerlua.timerfd", require "timerlua.select"
      local t = timerfd.create(timerfd.CLOCK_MONOTONIC)
      local fd = t:detach()
      local watch = tl.watch(fd, "r", function() end)
      print(timerfd.settime(fd, 0, 1) == 0, watch:cancel(), timerfd.close(fd))
      local ep = select.epoll()
      local again = select.epoll.fromfd(select.epoll():fileno())
      local other = timerfd.create(timerfd.CLOCK_MONOTONIC)
      timerfd.settime(other:fileno(), 0, 0.001)
      print(timerfd.read(other:fileno()), timerfd.close(other:fileno()))]])
  end)
end)

describe("a descriptor that a host watches", function()
  it("cannot be closed by a script", function()
    hosts.edge("kept")
  end)
end)
