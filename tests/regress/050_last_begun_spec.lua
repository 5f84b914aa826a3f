-- The last process that a callback had started was kept alive for ever.
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

describe("a process that a callback has started", function()
  it("was kept in memory after its end", function()
    sockets.run(function()
      local kept = setmetatable({}, { __mode = "k" })
      tl.after(0, function() kept[tl.exec { "true" }] = true end)
      sockets.till(function() return next(kept) and next(kept).status end, "its end")
      sockets.turns(3)
      support.collect()
      assert.is_nil(next(kept))
    end)
  end)
end)

describe("the limits of a child", function()
  it("are those of the kernel's names", function()
    sockets.run(function()
      local limits = { cpu = 1001, fsize = 2 ^ 40, data = 2 ^ 41, stack = 2 ^ 24, core = 0,
        nproc = 5003, nofile = 507, memlock = 4096 * 5, as = 2 ^ 42, locks = 509,
        sigpending = 511, msgqueue = 521, rtprio = 0, nice = 0, rttime = 2 ^ 30 }
      local result = assert(tl.run({ "cat", "/proc/self/limits" },
        { rlimits = limits, setenv = { LD_PRELOAD = false } })) -- a sanitizer needs more
      local names = { cpu = "cpu time", fsize = "file size", data = "data size",
        stack = "stack size", core = "core file size", nproc = "processes", nofile = "open files",
        memlock = "locked memory", as = "address space", locks = "file locks",
        sigpending = "pending signals", msgqueue = "msgqueue size", rtprio = "realtime priority",
        nice = "nice priority", rttime = "realtime timeout" }
      for name, value in pairs(limits) do
        local soft, hard = result.stdout:match("Max " .. names[name] .. "%s+(%d+)%s+(%d+)")
        assert.same({ value, value }, { tonumber(soft), tonumber(hard) }, name)
      end
    end)
  end)
end)
