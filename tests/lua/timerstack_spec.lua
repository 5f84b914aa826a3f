-- The names of the Python module timerstack: lua/timerlua/timerstack.lua.
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"
local timerfd = require "timerlua.timerfd"
local timerstack = require "timerlua.timerstack"

describe("timerstack", function()
  local fd

  before_each(function() fd = assert(timerstack.create(timerstack.CLOCK_REALTIME, 0)) end)
  after_each(function() assert.is_true(timerfd.close(fd)) end)

  it("makes a plain number, which the script has to close", function()
    assert.equal("number", type(fd))
    support.collect()
    assert.same({ 0, 0 }, { timerstack.gettime(fd) })
  end)

  it("has the clocks", function()
    for _, name in ipairs { "CLOCK_REALTIME", "CLOCK_MONOTONIC", "CLOCK_BOOTTIME",
      "CLOCK_REALTIME_ALARM", "CLOCK_BOOTTIME_ALARM" } do
      assert.equal(timerfd[name], timerstack[name])
    end
  end)

  it("sets once with an interval of 0, and repeats with another", function()
    assert.same({ 0, 0 }, { timerstack.settime(fd, 0, 10, 0) })
    local left, interval = timerstack.gettime(fd)
    assert.is_true(left > 9 and left <= 10)
    assert.equal(0, interval)
    timerstack.settime(fd, 0, 5, 5)
    left, interval = timerstack.gettime(fd)
    assert.is_true(left > 4 and left <= 5)
    assert.equal(5, interval)
  end)

  it("stops with an initial time of 0", function()
    timerstack.settime(fd, 0, 5, 5)
    timerstack.settime(fd, 0, 0, 0)
    assert.same({ 0, 0 }, { timerstack.gettime(fd) })
    sockets.run(function()
      assert.same({ nil, "timeout", "ETIMEDOUT" }, { tl.timeout(0.002, timerfd.read, fd) })
    end)
  end)

  it("can be set again, before and after it has expired", function()
    sockets.run(function()
      timerstack.settime(fd, 0, 1000, 0)
      timerstack.settime(fd, 0, 0.001, 0)
      assert.equal(1, timerfd.read(fd))
      timerstack.settime(fd, 0, 0.001, 0)
      assert.equal(1, timerfd.read(fd))
      timerstack.settime(fd, 0, 0.001, 0)
      sockets.till(function() return timerstack.gettime(fd) == 0 end)
      timerstack.settime(fd, 0, 1000, 0)
      assert.same({ nil, "timeout", "ETIMEDOUT" }, { tl.timeout(0.002, timerfd.read, fd) })
    end)
  end)

  it("makes a one-shot periodic, and back", function()
    sockets.run(function()
      timerstack.settime(fd, 0, 0.001, 0)
      assert.equal(1, timerfd.read(fd))
      timerstack.settime(fd, 0, 0.001, 0.001)
      for _ = 1, 3 do assert.is_true(timerfd.read(fd) >= 1) end
      timerstack.settime(fd, 0, 0.001, 0)
      assert.equal(1, timerfd.read(fd))
      assert.same({ 0, 0 }, { timerstack.gettime(fd) })
      assert.same({ nil, "timeout", "ETIMEDOUT" }, { tl.timeout(0.003, timerfd.read, fd) })
    end)
  end)

  it("has a callback of its own for each by tl.watch", function()
    sockets.run(function()
      local fds, watches, got = {}, {}, {}
      for i = 1, 5 do
        fds[i] = timerstack.create(timerstack.CLOCK_MONOTONIC, timerfd.TFD_NONBLOCK)
        watches[i] = tl.watch(fds[i], "r", function(watch)
          assert.equal(1, timerfd.read(watch.fd))
          got[#got + 1] = i
        end)
        timerstack.settime(fds[i], 0, 0.004 - 0.0005 * i, 0)
      end
      sockets.till(function() return #got == 5 end)
      table.sort(got)
      assert.same({ 1, 2, 3, 4, 5 }, got)
      for i = 1, 5 do
        watches[i]:cancel()
        assert.is_true(timerfd.close(fds[i]))
      end
    end)
  end)

  it("returns failures as values, and raises misuse at the caller's line", function()
    assert.same({ nil, "timerfd.settime fd 4000: bad file descriptor", "EBADF" },
      { timerstack.settime(4000, 0, 1, 0) })
    assert.same({ nil, "timerfd.gettime fd 4000: bad file descriptor", "EBADF" },
      { timerstack.gettime(4000) })
    assert.equal("HERE: timerlua.timerfd.settime: initial must be a number >= 0, got -1",
      support.raised(function() timerstack.settime(fd, 0, -1, 0) end))
    assert.truthy(support.raised(function() timerstack.create(99, 0) end)
      :find("HERE: timerlua.timerfd.create: clockid must be ", 1, true))
  end)
end)
