-- The programs of scripts/embed: each is built by the command in its comment,
-- from the installed library, and run.
local examples = require "tests.support.examples"
local redis_client = require "tests.support.redis_client"
local server = require "tests.support.server"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

local built = examples.install "hosts"
local home, prefix = built.home, built.prefix

local function shell(command) return built:shell(command) end
local function build(name) built:build(name) end

local running -- the server of the running test

-- Start one that must not outlive a test that fails.
local function serve(command)
  running = server.command(command)
  return running
end

after_each(function()
  if running then os.execute(("kill -KILL %d 2>/dev/null"):format(running.pid)) end
  running = nil
end)

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  return lines
end

describe("the programs in scripts/embed", function()
  it("are short, and say what they show and how they are built and run", function()
    local count = 0
    for path in support.shell("ls scripts/embed/*.c").out:gmatch("%S+") do
      local lines = lines_of(support.read(path))
      local longest = (path:find("postgres_worker") or path:find("redis_module")) and 125
        or path:find("weechat") and 100 or path:find("threads") and 90 or 60
      assert.is_true(#lines <= longest, path .. " has " .. #lines .. " lines")
      local name = path:match("(%w+)%.c$")
      assert.is_true(#examples.build_commands(path) > 0 or name == "deepbind", path)
      count = count + 1
    end
    assert.is_true(count >= 13)
  end)
end)

describe("a host", function()
  it("whose errors jump catches them in its callbacks", function()
    build "jump_host"
    assert.equal("work 1\nwork 2\nerror: the third is broken\n", shell("./jump_host"))
  end)

  it("that forks has a runtime in each worker", function()
    build "fork_host"
    assert.equal("the parent goes on\nthe workers' sum is 14\n", shell("./fork_host"))
  end)

  it("hears later of calls that wait, and ends those that hang", function()
    build "calls_host"
    assert.equal("none: there is no function none\n"
      .. "fetch: value of the key, 7 bytes\n"
      .. "fail: a function of the script raised an error: script:3: no the key\n"
      .. "hang: a function of the script raised an error: script:4: this callback took "
      .. "longer than the 0.2 s allowed\n"
      .. "long: Operation canceled: the runtime is freed\n", shell("./calls_host"))
  end)
end)

describe("a host whose own loop polls the runtime's descriptor:", function()
  local EXPECTED = { "LINE 1", "LINE 2", "LINE 3", "LINE 4", "LINE 5", "all ticks, 0 early" }

  local function with(...)
    local lines = { unpack(EXPECTED) }
    for _, line in ipairs { ... } do lines[#lines + 1] = line end
    return lines
  end

  it("epoll", function()
    build "epoll_host"
    local said = lines_of(shell("echo hello | ./epoll_host hosted.lua"))
    local inputs = 0
    for i = #said, 1, -1 do
      if said[i] == "input: hello" then
        table.remove(said, i)
        inputs = inputs + 1
      end
    end
    assert.equal(1, inputs)
    assert.same(EXPECTED, said)
  end)

  it("GLib", function()
    build "glib_host"
    assert.same(with("the loop beat meanwhile"), lines_of(shell("./glib_host hosted.lua")))
  end)

  it("libuv", function()
    build "libuv_host"
    assert.same(with("the loop beat meanwhile"), lines_of(shell("./libuv_host hosted.lua")))
  end)

  it("none waits: frames of a game", function()
    build "game_host"
    local said = lines_of(shell("./game_host hosted.lua"))
    local last = table.remove(said)
    assert.same(EXPECTED, said)
    assert.is_true(tonumber(last:match("^(%d+) frames, %d+ of them full$")) >= 90, last)
  end)

  it("and work beyond a frame's budget is left for the next frames", function()
    support.write(home .. "/embed/busy.lua", [[
      local tl = require "timerlua"
      for i = 1, 60 do
        local till = tl.now() + 0.001 -- as long as the budget
        while tl.now() < till do end
        io.write(i, i < 60 and " " or "\n")
        tl.sleep(0)
      end]])
    local said = lines_of(shell("./game_host busy.lua"))
    local order = {}
    for i = 1, 60 do order[i] = i end
    assert.equal(table.concat(order, " "), said[1])
    local frames, full = said[2]:match("^(%d+) frames, (%d+) of them full$")
    assert.is_true(tonumber(full) >= 30, said[2])
    assert.is_true(tonumber(frames) > tonumber(full), said[2])
  end)

  it("tells why a step of the runtime failed", function()
    support.write(home .. "/embed/spoiled.lua", examples.SPOILED)
    for _, name in ipairs { "epoll", "game", "glib", "libuv" } do
      build(name .. "_host")
      local said = shell(("./%s_host spoiled.lua 2>&1 >&- </dev/null; echo $?"):format(name))
      assert.truthy(said:find("^%./" .. name .. "_host: [^\n]*ad file descriptor\n1\n$"), said)
    end
  end)
end)

describe("a host that gives its thread away:", function()
  it("timers from C", function()
    build "timers_host"
    -- where the machine stalls, ticks are skipped, and timers that were started later
    -- come later
    local said, ticks = shell("./timers_host"), {}
    for tick in said:gmatch("tick (%d)\n") do ticks[#ticks + 1] = tick end
    assert.same({ "1", "2", "3", "4" }, ticks)
    assert.truthy(said:find("after 5 ms\n", 1, true) and said:find("after 25 ms\n", 1, true))
    assert.is_nil(said:find("never", 1, true))
    assert.truthy(said:find("6 timers fired, 0 left\n$"))
  end)

  it("four threads that post to one another", function()
    build "threads_host"
    local said = lines_of(shell("./threads_host"))
    table.sort(said)
    local expected = {}
    for i = 1, 4 do expected[i] = ("thread %d: 250 posts, status 0"):format(i - 1) end
    assert.same(expected, said)
  end)
end)

-- Other projects' programs are not built with the sanitizers, so they cannot load a
-- library that is.
if support.sanitized then return end

local ENVIRONMENT = ("env LD_LIBRARY_PATH=%s/lib "):format(prefix)

describe("redis-server with a module", function()
  local folder = home .. "/redis"

  local function start()
    build "redis_module"
    os.execute("mkdir -p " .. folder)
    local redis = serve(ENVIRONMENT ..
      ("redis-server --port 0 --unixsocket %s/socket --dir %s --save '' --loadmodule"
      .. " %s/embed/redis_deepbind.so %s/embed/redis_module.so %s/embed/redis_keys.lua"):format(
      folder, folder, home, home, home))
    redis:await("eady to accept connections")
    return redis
  end

  local function connect()
    return redis_client.new(assert(tl.connect("unix:" .. folder .. "/socket")))
  end

  it("runs a script's timers on keys, and its server, while it serves clients", function()
    local redis = start()
    sockets.run(function()
      local client = connect()
      assert.equal("OK", client:call("SET", "limit:mail", "3"))
      server.await("refill", function() return client:call("GET", "tokens:mail") == "3" end)

      local taker = assert(tl.connect(client:call("GET", "server")))
      local function take(line)
        assert(taker:send(line .. "\n"))
        return taker:receive("*l")
      end
      assert.equal("what?", take("give"))
      assert.equal("yes", take("take mail"))
      -- no budget is left in the end, and then there is one again
      server.await("end of the budget", function() return take("take mail") == "no" end)
      server.await("new budget", function() return take("take mail") == "yes" end)
      taker:close()

      server.await("message", function() return client:call("GET", "message") end)
      assert.equal("ERR value is not an integer or out of range", client:call("GET", "message"))
      client:close()
    end)
    assert.equal(0, redis:stop().code)
    running = nil
  end)

  it("keeps the timers' grid under load, and when it forks", function()
    local redis = start()
    sockets.run(function()
      local client = connect()
      local function refills() return tonumber(client:call("GET", "refills") or 0) end
      local first, start_at = refills(), tl.now()
      assert.truthy(client:call("BGSAVE"))
      local calls = 0
      while tl.now() < start_at + 0.5 do
        client:call("SET", "key:" .. calls % 100, calls)
        calls = calls + 1
      end
      local ticks, seconds = refills() - first, tl.now() - start_at
      assert.is_true(math.abs(ticks - seconds / 0.05) <= 3,
        ("%d ticks in %.3f s"):format(ticks, seconds))
      assert.is_true(calls > 100)
      server.await("end of the fork", function()
        return client:call("INFO", "persistence"):find("rdb_bgsave_in_progress:0", 1, true)
      end)
      client:close()
    end)
    assert.equal(0, redis:stop().code)
    running = nil
  end)

  it("is informed of a script's errors, and lives on", function()
    local path = home .. "/embed/redis_keys.lua"
    local script = support.read(path)
    support.write(path, [[
      local tl = require "timerlua"
      tl.every("5ms", function(timer)
        if timer.runs > 3 then os.exit(3) end
        error("no luck")
      end)
      redis.call("SET")
      redis.call("NONE", 1)
      redis.call("SET", "here", "yes")]])
    local redis = start()
    support.write(path, script)
    redis:await("no luck.*no luck.*no luck.*the script ended")
    sockets.run(function()
      local client = connect()
      assert.equal("yes", client:call("GET", "here"))
      client:close()
    end)
    assert.equal(0, redis:stop().code)
    running = nil
  end)

  it("writes numbers exactly, tells of too many arguments, and of a failed step", function()
    local path = home .. "/embed/redis_keys.lua"
    local script = support.read(path)
    support.write(path, [[
      redis.call("INCRBY", "large", 1e14)
      redis.call("SET", "small", 0.1)
      local words = {}
      for i = 1, 33 do words[i] = "x" end
      redis.call("SET", "misuse", select(2, pcall(redis.call, "DEL", unpack(words))))
      redis.call("SET", "most", tostring(redis.call("DEL", unpack(words, 1, 32))))]]
      .. examples.SPOILED)
    local redis = start()
    support.write(path, script)
    redis:await("ad file descriptor.*the script ended")
    sockets.run(function()
      local client = connect()
      assert.equal("100000000000000", client:call("GET", "large"))
      assert.equal(0.1, tonumber(client:call("GET", "small")))
      assert.equal("0", client:call("GET", "most"))
      assert.equal("bad argument #34 to '?' (at most 32 arguments, got 33)",
        client:call("GET", "misuse"))
      client:close()
    end)
    assert.equal(0, redis:stop().code)
    running = nil
  end)
end)

describe("WeeChat with a plugin", function()
  local folder = home .. "/weechat"
  local address = "unix:" .. folder .. "/clock"

  local function start()
    build "weechat_plugin"
    os.execute(("rm -rf %s; mkdir -p %s"):format(folder, folder))
    local chat = serve(ENVIRONMENT ..
      ("TIMERLUA_SCRIPT=%s/embed/weechat_clock.lua CLOCK_ADDRESS=%s weechat-headless --stdout"
      .. " -d %s -p -r '/plugin load %s/embed/timerlua.so'"):format(home, address, folder, home))
    server.await("socket", function() return support.shell("test -S " .. folder
      .. "/clock").code == 0 end)
    return chat
  end

  it("has a script's timers and sockets among its own", function()
    local chat = start()
    sockets.run(function()
      local clock = assert(tl.connect(address))
      local function ask(line)
        assert(clock:send(line .. "\n"))
        local ticks, early, seconds, said =
          clock:receive("*l"):match("^(%d+) ticks, (%d+) early, ([%d.]+) s, said (.*)$")
        assert.equal("0", early)
        assert.is_true(math.abs(tonumber(ticks) - tonumber(seconds) / 0.01) <= 20, ticks)
        return said, tonumber(seconds)
      end
      assert.equal("nothing", (ask "hello"))
      -- WeeChat's own timer, its command, and back into the script
      local _, asked = ask "/wait 200ms /timerlua it works"
      local said, seconds
      server.await("answer", function()
        said, seconds = ask "so?"
        return said ~= "nothing"
      end)
      assert.equal("it works", said)
      assert.is_true(seconds - asked >= 0.199)

      -- the script's own end, and the host's
      assert(clock:send("/plugin unload timerlua\n"))
      assert.truthy(clock:receive("*l"))
      assert.equal("closed", (select(2, clock:receive("*l"))))
      clock:close()
    end)
    assert.equal(0, support.shell("kill -0 " .. chat.pid).code)
    assert.equal(0, chat:stop().code)
    running = nil
  end)
end)
