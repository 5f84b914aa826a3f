-- Random work with all modules in a host that only waits on tl_fd; see
-- embed_modules_spec.lua. No timer of the loop runs during a wait, so work that tl_fd
-- does not report stalls.
local tl = require "timerlua"
local ffi = require "ffi"
local select = require "timerlua.select"
local socket = require "timerlua.socket"
local timerfd = require "timerlua.timerfd"
ffi.cdef "int kill(int, int); int getpid(void);"
math.randomseed(seed)
local folder = os.getenv("FOLDER") .. "/"

-- one of each, kept open, where nothing happens unless it is asked for
local heard, files = tl.channel(100), tl.channel(100)
tl.signal("USR1", function() heard:send(true) end)
tl.on_file(folder, function(_, what, path)
  if what == "create" then files:send(path) end
end)
local one, two = tl.socketpair()
local reader, writer = tl.pipe()
local plain, peer = socket.socketpair()
local ep, dp, kq = select.epoll(), select.devpoll(), select.kqueue()
local a, b = socket.socketpair()
ep:register(a, select.EPOLLIN)
local c, d = socket.socketpair()
dp:register(c, select.POLLIN)
local e, f = socket.socketpair()
kq:control({ select.kevent(e, select.KQ_FILTER_READ) }, 0)
local g, h = socket.socketpair()
local cat = assert(tl.exec({ "cat" }, { stdin = "pipe", stdout = "pipe" }))
assert(tl.exec({ "sleep", "1000" }))
local clock = timerfd.create(timerfd.CLOCK_MONOTONIC)
local r2, w2 = socket.socketpair()
tl.watch(r2, "r", function() r2:recv(100) end)
local count = 0

-- Work that the host begins between two steps, by the Lua API alone: see modules.c.
local begun = tl.channel(100)
local function begin() begun:send(true) end
local r3, w3 = tl.socketpair()
tl.spawn(function() while r3:receive(1) do begin() end end)
local ways = {
  function() tl.spawn(begin) end,
  function() tl.after(0, begin) end,
  begin,
  function() w3:send "x" end,
}

local acts = {
  by_hand = function()
    local way = ways[math.random(#ways)]
    by_hand = function()
      by_hand = nil
      way()
    end
    begun:receive()
  end,
  exec = function() assert(assert(tl.exec({ "true" })):wait().code == 0) end,
  cat = function() assert(cat.stdin:send("x\n")) assert(cat.stdout:receive "*l" == "x") end,
  signal = function() ffi.C.kill(ffi.C.getpid(), 10) heard:receive() end,
  file = function()
    count = count + 1
    local path = folder .. "f" .. count
    io.open(path, "w"):close()
    assert(files:receive() == path)
    os.remove(path)
  end,
  connection = function()
    local big = ("x"):rep(math.random(300000))
    tl.spawn(function() assert(one:send(big)) end)
    assert(#two:receive(#big) == #big)
  end,
  pipe = function() assert(writer:send "hello") assert(reader:receive(5) == "hello") end,
  socket = function()
    tl.spawn(function() assert(peer:send "hello") end)
    assert(plain:recv(5) == "hello")
  end,
  epoll = function()
    tl.spawn(function() b:send "x" end)
    assert(#ep:poll() == 1 and a:recv(1))
  end,
  devpoll = function()
    tl.spawn(function() d:send "x" end)
    assert(#dp:poll() == 1 and c:recv(1))
  end,
  kqueue = function()
    tl.spawn(function() f:send "x" end)
    assert(#kq:control(nil, 1) == 1 and e:recv(1))
  end,
  select = function()
    tl.spawn(function() h:send "x" end)
    assert(#select.select({ g }, {}, {}) == 1 and g:recv(1))
  end,
  timerfd = function() clock:settime { initial = 0.001 } assert(clock:read() == 1) end,
  input = function() tl.stdin:receive(10) end,
  output = function() tl.stdout:send(("y"):rep(1000)) assert(tl.stdout:flush()) end,
  resolve = function() assert(tl.resolve("localhost")) end,
  notice = function() w2:send "x" end,
}
local names, locks, doing = {}, {}, {}
for name in pairs(acts) do names[#names + 1] = name locks[name] = tl.semaphore(1) end
table.sort(names)

local function one_act()
  local name = names[math.random(#names)]
  locks[name]:acquire()
  doing[tl.current()] = name
  acts[name]()
  doing[tl.current()] = nil
  locks[name]:release()
end
local acting = 0

local function act_outside()
  acting = acting + 1
  one_act()
  acting = acting - 1
end
act = act_outside

local function quiet()
  act = function() end
  while acting > 0 do tl.sleep(0.001) end
  local before = wakeups()
  tl.sleep(0.03)
  act = act_outside
  -- its own sleep, and the work that the acts left in progress; a loop that spins wakes
  -- many times for each of 30 ms
  assert(wakeups() - before <= 6, wakeups() - before)
end
-- Called by the host when nothing has happened for a long time.
function stuck()
  for task, name in pairs(doing) do
    if task.status == "waiting" then print("waiting: " .. name) end
  end
end

local before, total = wakeups(), 0
for _, tasks in ipairs { 1, 4 } do
  for _ = 1, 5 do
    tl.scope(function(s)
      for _ = 1, tasks do
        s:spawn(function() for _ = 1, 30 do one_act() total = total + 1 end end)
      end
    end)
    quiet()
  end
end
assert(wakeups() - before <= 3 * total, "it spins")
print(total)
tl.stop()
