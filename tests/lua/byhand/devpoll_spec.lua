-- select.devpoll: the behavior that Python's own tests require, and the differences
-- between Solaris's object and poll.
local fds = require "tests.support.descriptors"
local select = require "timerlua.select"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

local IN, OUT, PRI, HUP, NVAL = select.POLLIN, select.POLLOUT, select.POLLPRI, select.POLLHUP,
  select.POLLNVAL

local function sorted(list)
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

-- Tests for both a task and the main chunk of a plain luajit.
local function both(name, fn)
  it(name .. ", in a task", function() sockets.run(fn) end)
  it(name .. ", outside", function()
    support.collect()
    local before = support.count_fds()
    fn()
    support.collect()
    assert.equal(before, support.count_fds())
  end)
end

describe("a devpoll object", function()
  both("opens with a descriptor and closes", function()
    local dp = assert(select.devpoll())
    assert.is_true(dp:fileno() > 0)
    assert.is_false(dp.closed)
    dp:close()
    assert.is_true(dp.closed)
    dp:close()
    for _, name in ipairs { "fileno", "register", "modify", "unregister", "poll" } do
      assert.equal(("HERE: timerlua.select.devpoll:%s: the devpoll object is closed"):format(name),
        support.raised(function() dp[name](dp, 0) end))
    end
    assert.truthy(support.raised(function() dp.poll() end):find("as dp:poll()", 1, true))
  end)

  it("is not inherited by programs that are started", function()
    local before = support.shell("ls /proc/self/fd | wc -l").out
    local dp = assert(select.devpoll())
    assert.equal(before, support.shell("ls /proc/self/fd | wc -l").out)
    dp:close()
  end)

  it("is closed with the last reference to it", function()
    local before = support.count_fds()
    assert.truthy((select.devpoll()))
    support.collect()
    assert.equal(before, support.count_fds())
  end)

  both("passes Python's test: many pipes, one after the other", function()
    local dp = assert(select.devpoll())
    local message, writers, readers, to_reader = " This is a test.", {}, {}, {}
    for i = 1, 12 do
      local r, w = fds.pipe()
      assert.is_true(dp:register(r))
      assert.is_true(dp:modify(r, IN))
      assert.is_true(dp:register(w, OUT))
      writers[i], readers[r], to_reader[w] = w, w, r
    end
    while #writers > 0 do
      local can_write = {}
      for _, pair in ipairs(dp:poll()) do
        if readers[pair[1]] == nil and pair[2] % 8 >= OUT then
          can_write[#can_write + 1] = pair[1]
        end
      end
      assert.is_true(#can_write > 0)
      local w = can_write[math.random(#can_write)]
      local r = to_reader[w]
      fds.put(w, message)
      assert.same({ { r, IN } }, (function()
        local readable = {}
        for _, pair in ipairs(dp:poll()) do
          if readers[pair[1]] then readable[#readable + 1] = pair end
        end
        return readable
      end)())
      assert.equal(#message, fds.take(r))
      assert.is_true(dp:unregister(w))
      fds.close(w)
      assert.same({ { r, HUP } }, (function()
        local hung = {}
        for _, pair in ipairs(dp:poll()) do
          if pair[1] == r then hung[#hung + 1] = pair end
        end
        return hung
      end)())
      assert.is_true(dp:unregister(r))
      fds.close(r)
      for i, other in ipairs(writers) do
        if other == w then table.remove(writers, i) break end
      end
    end
    assert.same({}, dp:poll(0))
    dp:close()
  end)

  both("adds to what is registered, where poll replaces it", function()
    local dp = assert(select.devpoll())
    local a, b = fds.pair()
    assert.is_true(dp:register(a, OUT))
    fds.put(b)
    assert.same({ { a, OUT } }, dp:poll(0))
    assert.is_true(dp:register(a, IN))
    assert.same({ { a, IN + OUT } }, dp:poll(0))
    assert.is_true(dp:modify(a, IN))
    assert.same({ { a, IN } }, dp:poll(0))
    assert.is_true(dp:modify(a))
    assert.same({ { a, IN + OUT } }, dp:poll(0))
    dp:close()
    fds.close(a, b)
  end)

  it("waits for everything by default", function()
    local dp = assert(select.devpoll())
    local a, b = fds.pair()
    fds.put(b)
    assert.is_true(dp:register(a))
    assert.same({ { a, IN + OUT } }, dp:poll(0))
    assert.equal(0, PRI % 2)
    dp:close()
    fds.close(a, b)
  end)

  it("ignores the removal of unknown descriptors, and registers modified ones", function()
    local dp = assert(select.devpoll())
    local r, w = fds.pipe()
    assert.is_true(dp:unregister(r))
    assert.is_true(dp:unregister(4000))
    assert.is_true(dp:modify(w, OUT))
    assert.same({ { w, OUT } }, dp:poll(0))
    assert.is_true(dp:unregister(w))
    assert.is_true(dp:unregister(w))
    assert.same({}, dp:poll(0))
    dp:close()
    fds.close(r, w)
  end)

  it("takes numbers, files and objects with fileno()", function()
    local dp = assert(select.devpoll())
    local r, w = fds.pipe()
    local object = { fileno = function() return w end }
    assert.is_true(dp:register(object, OUT))
    assert.same({ { w, OUT } }, dp:poll(0))
    assert.is_true(dp:unregister(object))
    for _, value in ipairs { -1, 1.5, "1", {} } do
      assert.truthy(support.raised(function() dp:register(value) end)
        :find("timerlua.select.devpoll:register: fd must be", 1, true))
    end
    dp:close()
    fds.close(r, w)
  end)

  it("refuses invalid masks and times", function()
    local dp = assert(select.devpoll())
    local r, w = fds.pipe()
    for _, method in ipairs { "register", "modify" } do
      for _, mask in ipairs { -1, 65536, 0.5, 0 / 0, "1" } do
        assert.truthy(support.raised(function() dp[method](dp, w, mask) end)
          :find("timerlua.select.devpoll:" .. method .. ": eventmask must be made of POLL "
            .. "constants, 0 to 65535, got", 1, true))
      end
      assert.is_true(dp[method](dp, w, 65535))
    end
    for _, timeout in ipairs { -2, 2 ^ 31, 2 ^ 63, 0 / 0, 1 / 0 } do
      assert.truthy(support.raised(function() dp:poll(timeout) end)
        :find("timeout must be milliseconds, 0 to 2147483647, or -1 or nil", 1, true))
    end
    for _, timeout in ipairs { "5", {}, true, -1LL } do
      assert.truthy(support.raised(function() dp:poll(timeout) end)
        :find("HERE: timerlua.select.devpoll:poll: timeout must be", 1, true))
    end
    dp:close()
    fds.close(r, w)
  end)

  both("takes milliseconds and other durations, and never returns early", function()
    local dp = assert(select.devpoll())
    local r, w = fds.pipe()
    dp:register(r, IN)
    for timeout, ms in pairs { [0] = 0, [0.5] = 0.5, [3] = 3, ["2ms"] = 2, [1500000LL] = 1.5 } do
      local start = tl.now()
      assert.same({}, dp:poll(timeout))
      assert.is_true(tl.now() - start >= ms / 1000)
      assert.is_true(tl.now() - start < 2)
    end
    fds.put(w)
    for _, timeout in ipairs { -1, 2 ^ 31 - 1 } do
      assert.same({ { r, IN } }, dp:poll(timeout))
    end
    assert.same({ { r, IN } }, dp:poll())
    dp:close()
    fds.close(r, w)
  end)

  both("always finds files ready, and those that were closed no descriptors", function()
    local dp = assert(select.devpoll())
    local r, w = fds.pipe()
    local file = fds.open("Makefile")
    dp:register(r, IN)
    assert.is_true(dp:register(file, IN))
    assert.same({ { file, IN } }, dp:poll())
    assert.is_true(dp:register(file, OUT))
    assert.same({ { file, IN + OUT } }, dp:poll())
    fds.put(w)
    assert.same(sorted { { file, IN + OUT }, { r, IN } }, sorted(dp:poll()))
    fds.close(file)
    fds.take(r)
    assert.same({ { file, NVAL } }, dp:poll())
    dp:unregister(file)
    assert.same({}, dp:poll(0))
    dp:close()
    fds.close(r, w)
  end)

  it("reports a closed descriptor, and forgets the events that it was waited for", function()
    local dp = assert(select.devpoll())
    local a, b = fds.pair()
    dp:register(a, OUT)
    fds.close(a)
    assert.same({ { a, NVAL } }, dp:poll(0))
    local c, d = fds.pair()
    assert.equal(a, c)
    fds.put(d)
    assert.is_true(dp:register(c, IN)) -- not OUT, too
    assert.same({ { c, IN } }, dp:poll(0))
    local ok, message, code = dp:register(4000)
    assert.is_nil(ok)
    assert.equal("devpoll.register fd 4000: bad file descriptor", message)
    assert.equal("EBADF", code)
    dp:close()
    fds.close(b, c, d)
  end)

  it("reports more descriptors than there were when it was made", function()
    local dp = assert(select.devpoll())
    local open = {}
    for _ = 1, 600 do
      local r, w = fds.pipe()
      dp:register(w, OUT)
      open[#open + 1] = r
      open[#open + 1] = w
    end
    assert.equal(600, #dp:poll(0))
    dp:close()
    fds.close(unpack(open))
  end)

  it("lets other tasks run, and is ended by limits, cancelling and closing", function()
    sockets.run(function()
      local dp = assert(select.devpoll())
      local r, w = fds.pipe()
      dp:register(r, IN)
      local ticks = 0
      local ticking = tl.every(0.001, function() ticks = ticks + 1 end)
      tl.after(0.01, function() fds.put(w) end)
      assert.same({ { r, IN } }, dp:poll())
      assert.is_true(ticks > 0)
      ticking:cancel()
      fds.take(r)
      local _, err = tl.timeout(0.001, dp.poll, dp)
      assert.equal("timeout", err)
      local task = tl.spawn(function() return dp:poll() end)
      tl.sleep(0)
      task:cancel()
      assert.equal("ECANCELED", _G.select(3, task:join()))
      task = tl.spawn(function() return dp:poll() end)
      tl.sleep(0)
      dp:close()
      assert.equal("EBADF", _G.select(3, task:join()))
      fds.close(r, w)
    end)
  end)

  it("has a descriptor that can be waited for", function()
    local dp, ep = assert(select.devpoll()), assert(select.epoll())
    local r, w = fds.pipe()
    dp:register(r, IN)
    ep:register(dp, select.EPOLLIN)
    assert.same({}, ep:poll(0))
    fds.put(w)
    assert.same({ { dp:fileno(), IN } }, ep:poll(0))
    ep:close()
    dp:close()
    fds.close(r, w)
  end)

  it("compares with poll(2) on random changes", function()
    for _, seed in ipairs(support.seeds(2)) do
      math.randomseed(seed)
      local dp, p = assert(select.devpoll()), select.poll()
      local open, masks = {}, {}
      for i = 1, 10 do open[2 * i - 1], open[2 * i] = fds.pipe() end
      for step = 1, 400 do
        local i = math.random(#open)
        local fd, mask = open[i], math.random(0, 7)
        local what = math.random(5)
        if what == 1 then
          dp:register(fd, mask)
          masks[fd] = require("bit").bor(masks[fd] or 0, mask)
          p:register(fd, masks[fd])
        elseif what == 2 then
          dp:modify(fd, mask)
          masks[fd] = mask
          p:register(fd, mask)
        elseif what == 3 then
          dp:unregister(fd)
          if masks[fd] then p:unregister(fd) end
          masks[fd] = nil
        elseif what == 4 then
          fds.put(open[i + i % 2])
        else
          fds.take(open[i - 1 + i % 2])
        end
        assert.same(sorted(p:poll(0)), sorted(dp:poll(0)), ("seed %d, step %d"):format(seed, step))
      end
      dp:close()
      fds.close(unpack(open))
    end
  end)
end)
