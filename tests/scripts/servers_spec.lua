-- The servers among the example scripts, each with clients of its kind.
local support = require "tests.support"
local server = require "tests.support.server"
local tl = require "timerlua"

local running -- the server of the running test

local function start(...)
  running = server.start(...)
  return running
end

local function connect(address)
  return assert(tl.connect(address, { timeout = server.patience }))
end

-- End the server in good order: it has nothing to complain of.
local function stop()
  local result = running:stop()
  running = nil
  assert.equal("", result.err)
  assert.equal(143, result.code)
  return result.out
end

local function count(text, pattern)
  return select(2, text:gsub(pattern, ""))
end

-- All resources of clients are released.
local function assert_fds(expected)
  server.await("the descriptors' return to " .. expected, function()
    return running:fds() == expected
  end)
end

after_each(function()
  if running then running:stop("KILL") end
  running = nil
  support.collect()
end)

describe("the stop server", function()
  it("has its three timers go on until a client says stop", function()
    local s = start("scripts/stop_server.lua", "127.0.0.1:0")
    local client = connect(s.address)
    client:send("hello\r\n")
    s:await("unknown command\thello\n")
    s:await("timer 3: 1.50 s\n")
    client:send("stop\r\n")
    local result = s:ended()
    running = nil
    assert.equal(0, result.code)
    assert.equal("", result.err)
    for i, ticks in ipairs { 6, 3, 2 } do
      assert.is_true(count(result.out, "\ntimer " .. i .. ":") >= ticks)
    end
    local expected = { "1: 0.25", "1: 0.50", "2: 0.50", "1: 0.75", "3: 0.75", "1: 1.00",
      "2: 1.00", "1: 1.25", "1: 1.50", "2: 1.50", "3: 1.50" }
    local batches = { {}, {}, {}, {}, {}, {} } -- one instant's come in any order
    for timer, at in result.out:gmatch("timer (%d: (%d%.%d%d)) s") do
      local batch = batches[at * 4]
      if batch then batch[#batch + 1] = timer end
    end
    local ticks = {}
    for _, batch in ipairs(batches) do
      table.sort(batch)
      for _, tick in ipairs(batch) do ticks[#ticks + 1] = tick end
    end
    assert.same(expected, ticks)
    assert.is_nil((client:receive("*a") == "" or nil) and tl.connect(s.address))
  end)

  it("does the same for netcat", function()
    local s = start("scripts/stop_server.lua", "127.0.0.1:0")
    assert.equal(0, support.shell("echo stop | nc -N 127.0.0.1 " .. s.port).code)
    running = nil
    assert.equal(0, s:ended().code)
  end)
end)

describe("the echo server", function()
  it("serves quick clients beside a slow one", function()
    local s = start("scripts/echo_server.lua", "127.0.0.1:0")
    local before = s:fds()
    local r = support.run { "scripts/echo_clients.lua", s.address }
    assert.equal("", r.err)
    assert.equal(0, r.code)
    local done = {}
    for name in r.out:gmatch("([^\n]+) is done\n") do done[#done + 1] = name end
    assert.equal(4, #done)
    assert.equal("slow", done[4])
    assert_fds(before)
    assert.equal(4, count(stop(), "connection from"))
  end)

  it("does other work while clients are silent", function()
    local s = start("scripts/echo_server.lua", "127.0.0.1:0")
    local silent = connect(s.address)
    s:await("other work, 1\n")
    silent:send("x")
    assert.equal("x", silent:receive(1))
    silent:close()
    stop()
  end)

  it("neither stalls nor grows for a client that does not read", function()
    local s = start("scripts/echo_server.lua", "127.0.0.1:0")
    local greedy, polite = connect(s.address), connect(s.address)
    local block, blocks = ("0123456789abcdef"):rep(65536), 40
    local sender = tl.spawn(function()
      for _ = 1, blocks do assert(greedy:send(block)) end
      greedy:shutdown("send")
    end)
    for i = 1, 20 do
      polite:send(i .. "\n")
      assert.equal(tostring(i), polite:receive())
      tl.sleep(0.01)
    end
    assert.equal("waiting", sender.status)
    for _ = 1, blocks do assert.is_true(block == greedy:receive(#block)) end
    assert.same({ nil, "closed", "", "EOF" }, { greedy:receive(1) })
    if not support.sanitized then
      local peak = s:peak()
      assert.is_true(peak < 30, peak)
    end
    greedy:close()
    polite:close()
    stop()
  end)
end)

describe("the chat", function()
  local path

  before_each(function()
    path = os.tmpname()
    os.remove(path)
  end)

  it("sends one client's words to all others, and removes its socket", function()
    local s = start("scripts/chat.lua", "unix:" .. path)
    local ann = connect(s.address)
    s.name = ann:receive()
    local bob = connect(s.address)
    assert.equal("guest 2 has come", bob:receive())
    assert.equal("guest 1 has come", s.name)
    assert.equal("guest 2 has come", ann:receive())
    ann:send("hel")
    ann:send("lo\nhow are you?\n")
    assert.equal("guest 1: hello", bob:receive())
    assert.equal("guest 1: how are you?", bob:receive())
    assert.equal(0, support.shell("echo hi there | nc -N -U " .. path).code)
    for _, member in ipairs { ann, bob } do
      assert.equal("guest 3 has come", member:receive())
      assert.equal("guest 3: hi there", member:receive())
      assert.equal("guest 3 has left", member:receive())
    end
    ann:close()
    assert.equal("guest 1 has left", bob:receive())
    bob:close()
    stop()
    assert.equal(1, support.shell("test -e " .. path).code)
  end)

  it("disconnects a client that does not read", function()
    local s = start("scripts/chat.lua", "unix:" .. path)
    local deaf = connect(s.address)
    deaf:receive()
    local talker, listener = connect(s.address), connect(s.address)
    listener:settimeout(server.patience)
    assert.equal("guest 3 has come", listener:receive())
    local line = ("x"):rep(1000)
    local told, heard, left = 0, 0, false
    while heard < 2000 or not left do
      if heard == told and told < 2000 then -- not more at once than a reader may owe
        for _ = 1, 20 do talker:send(line .. "\n") end
        told = told + 20
      end
      local said = assert(listener:receive())
      if said == "guest 2: " .. line then heard = heard + 1 end
      if said == "guest 1 has left" then left = true end
    end
    for _, each in ipairs { deaf, talker, listener } do each:close() end
    stop()
  end)
end)

describe("the port forwarder", function()
  it("carries both ways and each end by itself", function()
    local came
    local target = assert(tl.listen("127.0.0.1:0", function(conn)
      came = conn:receive(1)
      local all = conn:receive("*a", came)
      conn:send(#all .. " bytes: " .. all)
    end))
    local s = start("scripts/forward.lua", target:sock(), "127.0.0.1:0")
    local client = connect(s.address)
    client:send("hello")
    server.await("upstream connection", function() return came end)
    local before = s:fds() - 2
    client:shutdown("send")
    assert.equal("5 bytes: hello", client:receive("*a"))
    client:close()
    assert_fds(before)
    target:close()
    stop()
  end)

  it("reports the failure when the target does not exist", function()
    local s = start("scripts/forward.lua", "127.0.0.1:1", "127.0.0.1:0")
    local client = connect(s.address)
    assert.same({ nil, "closed", "", "EOF" }, { client:receive("*a") })
    client:close()
    s:await("connect 127.0.0.1:1: connection refused")
    stop()
  end)

  it("slows the sender down and holds little for a slow reader", function()
    local reader
    local target = assert(tl.listen("127.0.0.1:0", function(conn) reader = conn end,
      { autoclose = false }))
    local s = start("scripts/forward.lua", target:sock(), "127.0.0.1:0")
    local client = connect(s.address)
    local block, blocks = ("0123456789abcdef"):rep(65536), 64
    local sender = tl.spawn(function()
      for _ = 1, blocks do assert(client:send(block)) end
      client:shutdown("send")
    end)
    server.await("connection", function() return reader end)
    local passed, still = client:stats().sent, 0
    server.await("standstill", function() -- no byte more for a while
      tl.sleep(0.02)
      still = client:stats().sent == passed and still + 1 or 0
      passed = client:stats().sent
      return still > 20 and passed > 0
    end)
    assert.equal("waiting", sender.status)
    for _ = 1, blocks do assert.is_true(block == reader:receive(#block)) end
    assert.same({ nil, "closed", "", "EOF" }, { reader:receive(1) })
    if not support.sanitized then
      local peak = s:peak()
      assert.is_true(peak < 20, peak)
    end
    reader:close()
    client:close()
    target:close()
    stop()
  end)

  it("ends both ways when a side is reset", function()
    local came, ended
    local target = assert(tl.listen("127.0.0.1:0", function(conn)
      came = conn:receive(1)
      ended = select(2, conn:receive("*a")) or "EOF"
    end))
    local s = start("scripts/forward.lua", target:sock(), "127.0.0.1:0")
    local client = connect(s.address)
    client:send("x")
    server.await("upstream connection", function() return came end)
    local before = s:fds() - 2
    client:abort()
    server.await("end", function() return ended end)
    assert_fds(before)
    target:close()
    stop()
  end)
end)

describe("the health checker", function()
  it("reports up, sick, silent and down differently, and each change once", function()
    local function answer(text)
      return assert(tl.listen("127.0.0.1:0", function(conn)
        conn:receive_until("\r\n\r\n", true)
        if not text then return conn:receive() end -- until the checker gives up
        conn:send(text)
      end))
    end
    local targets = { up = answer("HTTP/1.1 200 OK\r\n\r\n"),
      sick = answer("HTTP/1.1 500 No\r\n\r\n"), silent = answer(nil) }
    local s = start("scripts/health.lua", targets.up:sock(), targets.sick:sock(),
      targets.silent:sock(), "127.0.0.1:1")
    for is, target in pairs(targets) do s:await(target:sock() .. " is " .. is .. "\n") end
    s:await("127.0.0.1:1 is down\n")
    for _, target in pairs(targets) do target:close() end
    s:await(targets.up:sock() .. " is down\n")
    local out = stop()
    assert.equal(1, count(out, targets.up:sock() .. " is up\n"))
  end)
end)

describe("the graceful restart", function()
  local LOAD = [[
    local tl = require "timerlua"
    local address, ends, total = "127.0.0.1:" .. os.getenv("PORT"), tl.now() + 1.5, {}
    local function note(what) total[what] = (total[what] or 0) + 1 end
    local function client()
      while tl.now() < ends do
        local conn, message = tl.connect(address, { timeout = 10 })
        if conn then
          conn:send("x\n")
          local answer, err = conn:receive()
          note(answer or "receive: " .. err)
          conn:close()
        else
          note(message)
        end
      end
    end
    tl.scope(function(scope) for _ = 1, 16 do scope:spawn(client) end end)
    for what, count in pairs(total) do print(what, count) end]]

  -- With a listening socket as descriptor 3 and its port in PORT.
  local function under_a_parent(commands)
    local path = support.temporary(LOAD)
    local script = ("server='%s scripts/graceful_restart.lua'; load='%s %s'\n"):format(
      support.program, support.program, path) .. commands
    local r = support.shell("luajit tests/support/inherit.lua " .. support.quote(script),
      { timeout = 60 })
    os.remove(path)
    assert.equal("", (r.err:gsub("Terminated\n", ""))) -- as sh reports its children
    return r.out
  end

  -- All answers came, from both; and both processes ended in good order.
  local function assert_handed_over(out)
    for _, name in ipairs { "old", "new" } do
      local served = tonumber(out:match("\n" .. name .. " got x\t(%d+)\n"))
      assert.is_true(served ~= nil and served > 10, out)
      assert.equal(1, count(out, "\n" .. name .. " ended 143\n"))
    end
    assert.equal(2, count(out, "all are served\n"))
    local kinds = 0
    for _ in out:gmatch("\n[^\n]+\t%d+%f[\n]") do kinds = kinds + 1 end
    assert.equal(2, kinds, out)
  end

  it("refuses nobody when the new process begins before the old one ends", function()
    assert_handed_over(under_a_parent([[
      $server fd:3 old & old=$!
      $load & load=$!
      sleep 0.5; $server fd:3 new & new=$!
      sleep 0.3; kill $old; wait $old; echo "old ended $?"
      wait $load; kill $new; wait $new; echo "new ended $?"]]))
  end)

  it("refuses nobody when the old process ends before the new one begins", function()
    assert_handed_over(under_a_parent([[
      $server fd:3 old & old=$!
      $load & load=$!
      sleep 0.5; kill $old; wait $old; echo "old ended $?"
      sleep 0.2; $server fd:3 new & new=$!
      wait $load; kill $new; wait $new; echo "new ended $?"]]))
  end)

  it("takes the socket by the name that a service manager gave it", function()
    local out = under_a_parent([[
      LISTEN_FDS=1 LISTEN_FDNAMES=web sh -c "LISTEN_PID=\$\$ exec $server fd:web" & pid=$!
      echo hello | nc -N 127.0.0.1 $PORT
      kill $pid; wait $pid]])
    assert.is_truthy(out:find("server got hello\n", 1, true))
  end)

  it("is started by systemd-socket-activate", function()
    if support.shell("command -v systemd-socket-activate").code ~= 0 then return end
    local free = assert(tl.listen("127.0.0.1:0", function() end))
    local port = free.port
    free:close()
    running = server.command(("systemd-socket-activate -l 127.0.0.1:%d %s "
      .. "scripts/graceful_restart.lua"):format(port, support.program))
    running:await("Listening on")
    assert.equal("server got hello\n",
      support.shell("echo hello | nc -N 127.0.0.1 " .. port).out)
    assert.equal(143, running:stop().code)
    running = nil
  end)
end)
